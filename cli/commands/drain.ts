import { hostView } from '../../schema/api.ts';
import { hasEnded } from '../../schema/drain.ts';
import { drainPlanView, drainView } from '../../schema/drain-api.ts';
import type { Mode } from '../../schema/migration-status.ts';
import { ago } from '../../schema/units.ts';
import type { ApiClient } from '../api-client.ts';
import { confirm } from '../ask.ts';
import { exitCodes } from '../exit-code.ts';
import { findDrain, findHost, listAll } from '../find.ts';
import { drainLines, drainStyle, planLines, summaryOf } from '../output/drain.ts';
import { table } from '../output/layout.ts';
import type { Session } from '../session.ts';
import { exitOfDrain, watchDrain } from '../watch-drain.ts';

interface DrainOptions {
  plan?: boolean;
  stack?: string[];
  to?: string;
  mode: Mode;
  maxParallel?: number;
  acceptUnmoved?: boolean;
  watch?: boolean;
  yes?: boolean;
}

/** Shows the plan, asks for the go, then starts; with `--watch` stays until the end. */
export async function drain(session: Session, host: string, options: DrainOptions) {
  const { term } = session;
  const client = await session.api();
  const { id, name } = await findHost(client, host);
  const request = await requestOf(client, options);
  if (!options.yes && !options.plan && !term.interactive) await confirm(term, '', options);
  if (options.plan || !term.json) {
    const plan = await client.post(`/hosts/${id}/drain`, { ...request, dry_run: true }, drainPlanView);
    if (term.json) term.document(plan);
    else term.out(...planLines(term, plan));
    if (options.plan) return plan.unmovable === 0 ? exitCodes.done : exitCodes.preflight_failed;
    await confirm(term, `Close ${name} to migrations, and move ${plan.movable} of its stacks now?`, options);
  }
  const started = await client.post(`/hosts/${id}/drain`, request, drainView);
  if (options.watch) return watchDrain(session, started);
  if (term.json) term.document(started);
  else term.out('', ...drainLines(term, started));
  return exitCodes.done;
}

async function requestOf(client: ApiClient, { stack, to, mode, maxParallel, acceptUnmoved }: DrainOptions) {
  return {
    ...(stack === undefined ? {} : { stacks: stack }),
    ...(to === undefined ? {} : { target_host_id: (await findHost(client, to)).id }),
    ...(maxParallel === undefined ? {} : { max_parallel: maxParallel }),
    mode,
    accept_unmoved: acceptUnmoved ?? false,
  };
}

export async function drains({ term, api }: Session, { limit }: { limit: number }) {
  const items = await listAll(await api(), '/drains', drainView, limit);
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No drains. Empty a host: stackferry drain HOST');
  const rows = items.map((view) => [
    view.id,
    view.host.name,
    term.paint(drainStyle(view.status), view.status),
    summaryOf(view),
    ago(view.ended_at ?? view.created_at),
  ]);
  term.out(...table(term, ['ID', 'HOST', 'STATUS', 'STACKS', 'WHEN'], rows));
}

export async function showDrain(session: Session, id: string, options: { watch?: boolean }) {
  const view = await findDrain(await session.api(), id);
  if (options.watch && !hasEnded(view.status)) return watchDrain(session, view);
  if (session.term.json) session.term.document(view);
  else session.term.out(...drainLines(session.term, view));
  return options.watch ? exitOfDrain(view) : exitCodes.done;
}

export const pauseDrain = (session: Session, id: string) => act(session, id, 'pause', {});
export const resumeDrain = (session: Session, id: string) => act(session, id, 'resume', {});

export async function abortDrain(session: Session, id: string, options: { cancelRunning?: boolean; yes?: boolean }) {
  const goesHome = options.cancelRunning ? 'What is under way goes back home.' : 'What is under way is finished.';
  await confirm(session.term, `Abort the drain? ${goesHome}`, options);
  return act(session, id, 'abort', { cancel_running: options.cancelRunning ?? false });
}

async function act({ term, api }: Session, id: string, what: 'pause' | 'resume' | 'abort', body: object) {
  const client = await api();
  const { id: whole } = await findDrain(client, id);
  const view = await client.post(`/drains/${whole}/${what}`, body, drainView);
  if (term.json) term.document(view);
  else term.out(...drainLines(term, view));
}

export const cordon = (session: Session, host: string) => setGate(session, host, 'cordon');
export const uncordon = (session: Session, host: string) => setGate(session, host, 'uncordon');

async function setGate({ term, api }: Session, wanted: string, what: 'cordon' | 'uncordon') {
  const client = await api();
  const { id, name } = await findHost(client, wanted);
  const view = await client.post(`/hosts/${id}/${what}`, {}, hostView);
  if (term.json) return term.document(view);
  term.out(what === 'cordon' ? `No migration may target ${name} any more.` : `${name} is open to migrations.`);
}
