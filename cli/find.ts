import type { z } from 'zod';
import { page } from '../schema/api/common.ts';
import { drainView } from '../schema/api/drains.ts';
import { type MigrationView, migrationView } from '../schema/api/migrations.ts';
import { hostView, relayView } from '../schema/api/nodes.ts';
import { stackView } from '../schema/api/stacks.ts';
import { limits } from '../schema/limits.ts';
import type { ApiClient } from './api-client.ts';
import { CliError, exitCodes, usageError } from './exit-code.ts';

/** Lookups of objects named on the command line. */
export type HostView = z.infer<typeof hostView>;
export type RelayView = z.infer<typeof relayView>;
export type StackView = z.infer<typeof stackView>;

/** Reads all pages of a list, up to `max` items. */
export async function listAll<T>(
  api: ApiClient,
  path: string,
  item: z.ZodType<T>,
  max: number = limits.cli.listItemsMax,
): Promise<T[]> {
  const items: T[] = [];
  const size = Math.min(max, limits.control.pageSizeMax);
  for (let cursor: string | null = ''; cursor !== null && items.length < max; ) {
    const query = `${path.includes('?') ? '&' : '?'}limit=${size}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const next: { items: T[]; next_cursor: string | null } = await api.get(path + query, page(item));
    items.push(...next.items);
    cursor = next.next_cursor;
  }
  return items.slice(0, max);
}

export const listHosts = (api: ApiClient) => listAll(api, '/hosts', hostView);
export const listRelays = (api: ApiClient) => listAll(api, '/relays', relayView);
export const listStacks = (api: ApiClient) => listAll(api, '/stacks', stackView);

export const findHost = async (api: ApiClient, nameOrId: string) =>
  byNameOrId(await listHosts(api), nameOrId, 'host', 'stackferry hosts');
export const findRelay = async (api: ApiClient, nameOrId: string) =>
  byNameOrId(await listRelays(api), nameOrId, 'relay', 'stackferry relays');

function byNameOrId<T extends { id: string; name: string }>(items: T[], wanted: string, what: string, list: string): T {
  const found = items.find(({ id, name }) => name === wanted || id === wanted);
  if (found) return found;
  throw new CliError('not_found', `There is no ${what} named "${wanted}".`, exitCodes.not_found, [
    `List them: ${list}`,
  ]);
}

/** By id, or a unique prefix of it. */
export const findDrain = (api: ApiClient, text: string) =>
  byBeginning(api, text, {
    kind: 'drain',
    prefix: 'drain_',
    view: drainView,
    describe: ({ host, status }) => `${host.name}, ${status}`,
  });
export const findMigration = (api: ApiClient, text: string): Promise<MigrationView> =>
  byBeginning(api, text, {
    kind: 'migration',
    prefix: 'mig_',
    view: migrationView,
    describe: ({ stack, status }) => `${stack.name}, ${status}`,
  });

interface Kind<T> {
  kind: 'migration' | 'drain';
  prefix: string;
  view: z.ZodType<T>;
  /** Description of an item, to choose among several. */
  describe(item: T): string;
}

const ulidChars = 26;

async function byBeginning<T extends { id: string }>(api: ApiClient, text: string, of: Kind<T>): Promise<T> {
  const { kind, view, describe } = of;
  const beginning = text.startsWith(of.prefix) ? text : `${of.prefix}${text}`;
  const list = `stackferry ${kind}s`;
  if (!/^[a-z]+_[0-9a-z]+$/.test(beginning)) throw usageError(`"${text}" is not the id of a ${kind}.`, `See: ${list}`);
  if (beginning.length === of.prefix.length + ulidChars) return api.get(`/${kind}s/${beginning}`, view);
  const found = (await listAll(api, `/${kind}s`, view)).filter(({ id }) => id.startsWith(beginning));
  const [only] = found;
  if (!only)
    throw new CliError('not_found', `No ${kind}'s id begins with "${beginning}".`, exitCodes.not_found, [
      `List them: ${list}`,
    ]);
  if (found.length === 1) return api.get(`/${kind}s/${only.id}`, view);
  const some = found.slice(0, 5).map((item) => `${item.id}  ${describe(item)}`);
  throw new CliError('ambiguous', `${found.length} ${kind}s begin with "${beginning}".`, exitCodes.usage, some);
}
