import { type MigrationView, migrationView, trafficView } from '../../schema/api/migrations.ts';
import { hostName } from '../../schema/migration-places.ts';
import type { TerminalStatus } from '../../schema/migration-status.ts';
import type { Resolution } from '../../schema/saga.ts';
import { downtimeIfCutOver, hours, moment, rateLimit, stillComing } from '../../schema/units.ts';
import type { ApiClient } from '../api-client.ts';
import { confirm, confirmByTyping } from '../ask.ts';
import { exitCodes } from '../exit-code.ts';
import { findMigration } from '../find.ts';
import { prose } from '../output/layout.ts';
import { migrationLines } from '../output/migration.ts';
import type { Session } from '../session.ts';
import { watch } from '../watch.ts';

/** Requests on an existing migration: limit, cancel, cutover, retry, resolve, rollback, purge. */
interface Acting {
  watch?: boolean;
  yes?: boolean;
}

export async function limit({ term, api }: Session, id: string, bandwidth_limit: number | null) {
  const client = await api();
  const { id: whole } = await findMigration(client, id);
  const view = await client.patch(`/migrations/${whole}`, { bandwidth_limit }, migrationView);
  if (term.json) return term.document(view);
  term.out(
    bandwidth_limit === null ? 'It sends as fast as it can.' : `It sends ${rateLimit(bandwidth_limit)} at most.`,
  );
}

export async function cancel(session: Session, id: string, options: Acting) {
  const view = await findMigration(await session.api(), id);
  return act(session, view, 'cancel', {}, 'cancelled', options);
}

/** At once, or by itself at a time. */
export async function cutover(session: Session, id: string, options: Acting & { at?: string }) {
  const view = await findMigration(await session.api(), id);
  const { at } = options;
  const last = view.hold?.last_pass;
  if (last && !options.yes) session.term.err(...prose(session.term, `${downtimeIfCutOver(last)}.`));
  await confirm(session.term, at === undefined ? 'Cut it over now?' : `Cut it over at ${moment(at)}?`, options);
  return act(session, view, 'cutover', at === undefined ? {} : { at }, 'completed', options);
}

export async function retry(session: Session, id: string, options: Acting & { stopped?: boolean }) {
  const view = await findMigration(await session.api(), id);
  if (options.stopped) {
    if (!options.yes)
      session.term.err(
        ...prose(
          session.term,
          'With --stopped you vouch that the copy which could not be stopped is stopped for good.',
          'If it still runs, there will be two running copies.',
        ),
      );
    await confirmByTyping(session.term, view.stack.name, options);
  }
  // It is already going back: to the target after a failed rollback, else to the source.
  const wanted = view.rollback ? 'completed' : view.failure?.code === 'cancelled' ? 'cancelled' : 'failed';
  return act(session, view, 'retry', { stopped: options.stopped ?? false }, wanted, options);
}

/** Describes the consequence in the control plane's words if it lists the resolution. */
export async function resolve(session: Session, id: string, resolution: Resolution, options: Acting) {
  const view = await findMigration(await session.api(), id);
  const known = view.attention?.resolutions.find((possible) => possible.resolution === resolution);
  if (!options.yes) session.term.err(...prose(session.term, ...(known ? [known.consequence] : [vouched(resolution)])));
  await confirmByTyping(session.term, view.stack.name, options);
  const wanted = { source_lost: 'completed', target_lost: view.window ? 'rolled_back' : 'failed', give_up: 'failed' };
  return act(session, view, 'resolve', { resolution }, wanted[resolution] as TerminalStatus, options);
}

const vouched = (resolution: Resolution) =>
  resolution === 'give_up'
    ? 'The migration ends as it stands: nothing is started, stopped or deleted.'
    : `You vouch that the ${resolution === 'source_lost' ? 'source' : 'target'} host never runs its copy again. If it does, two copies run.`;

export async function rollback(session: Session, id: string, options: Acting) {
  const client = await session.api();
  const view = await findMigration(client, id);
  const { term } = session;
  if (view.window?.open && !options.yes) {
    const since = (Date.now() - Date.parse(view.window.completed_at)) / 3_600_000;
    const [source, target] = [hostName(view, 'source'), hostName(view, 'target')];
    term.err(
      ...prose(
        term,
        `${view.stack.name} goes back to ${source}, as it was when it left.`,
        `Changes of ${hours(since)} stay behind on ${target}, until you purge them there.`,
      ),
    );
  }
  await confirm(term, 'Roll it back?', options);
  return act(session, view, 'rollback', {}, 'rolled_back', options);
}

export async function purge(session: Session, id: string, options: Acting & { target?: boolean }) {
  const client = await session.api();
  const { term } = session;
  const view = await findMigration(client, id);
  const side = options.target ? 'target' : 'source';
  const host = hostName(view, side);
  if (!options.yes)
    term.err(
      ...prose(
        term,
        `The copy of ${view.stack.name} that ${host} keeps is deleted for good: containers, volumes, files.`,
        ...(side === 'source' ? ['After that it cannot be rolled back.'] : []),
        ...(side === 'source' ? await trafficWords(client, view) : []),
        ...(side === 'source' && view.left_out.length > 0 ? ['What the migration left out stays there.'] : []),
      ),
    );
  await confirmByTyping(term, view.stack.name, options);
  await client.delete(`/stacks/${encodeURIComponent(view.stack.name)}/migrate/${view.id}/${side}`);
  const after = await client.get(`/migrations/${view.id}`, migrationView);
  if (term.json) return term.document(after);
  const stays = after.window?.[`${side}_purge`]?.left_out ?? [];
  term.out(`Deleted from ${host}.`, ...stays.map((path) => `${path} stays, with only what was left out.`));
}

/** Who is cut off by the end of forwarding; nothing if the source can't be asked. */
const trafficWords = async (client: ApiClient, { id, forwarding }: MigrationView): Promise<string[]> =>
  forwarding?.phase === 'forwarding'
    ? await client.get(`/migrations/${id}/traffic`, trafficView).then(
        (traffic) => [stillComing(traffic)],
        () => [],
      )
    : [];

async function act(
  session: Session,
  { id }: MigrationView,
  name: 'cancel' | 'cutover' | 'retry' | 'resolve' | 'rollback',
  body: object,
  wanted: TerminalStatus,
  options: Acting,
) {
  const client = await session.api();
  const view = await client.post(`/migrations/${id}/${name}`, body, migrationView);
  if (options.watch) return watch(session, view, wanted);
  if (session.term.json) session.term.document(view);
  else session.term.out(...migrationLines(session.term, view));
  return exitCodes.done;
}
