import type { z } from 'zod';
import { hostView, type MigrationView, migrationView, page, relayView, stackView } from '../schema/api.ts';
import { limits } from '../schema/limits.ts';
import type { ApiClient } from './api-client.ts';
import { CliError, exitCodes, usageError } from './exit-code.ts';

/** What people name on the command line, found in the API. */
export type HostView = z.infer<typeof hostView>;
export type RelayView = z.infer<typeof relayView>;
export type StackView = z.infer<typeof stackView>;

/** All pages of a list, up to `max`. */
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
    `See which there are: ${list}`,
  ]);
}

const idLength = 'mig_'.length + 26;

/** By its id, or a beginning of it that fits only one. */
export async function findMigration(api: ApiClient, text: string): Promise<MigrationView> {
  const prefix = text.startsWith('mig_') ? text : `mig_${text}`;
  if (!/^mig_[0-9a-z]+$/.test(prefix))
    throw usageError(`"${text}" is no id of a migration.`, 'See: stackferry migrations');
  if (prefix.length === idLength) return api.get(`/migrations/${prefix}`, migrationView);
  const found = (await listAll(api, '/migrations', migrationView)).filter(({ id }) => id.startsWith(prefix));
  const [only] = found;
  if (!only)
    throw new CliError('not_found', `No migration's id begins with "${prefix}".`, exitCodes.not_found, [
      'See which there are: stackferry migrations',
    ]);
  if (found.length === 1) return api.get(`/migrations/${only.id}`, migrationView);
  const some = found.slice(0, 5).map(({ id, stack, status }) => `${id}  ${stack.name}, ${status}`);
  throw new CliError('ambiguous', `${found.length} migrations begin with "${prefix}".`, exitCodes.usage, some);
}

/** Names of hosts by id; of one that was deleted only the id is left. */
export async function hostNames(api: ApiClient): Promise<(id: string) => string> {
  const names = new Map((await listHosts(api)).map(({ id, name }) => [id, name]));
  return (id) => names.get(id) ?? id;
}
