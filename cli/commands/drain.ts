import { shellWord } from '../../node/shell-word.ts';
import { type DrainPlanView, drainCutoverView, drainPlanView, drainView } from '../../schema/api/drains.ts';
import { hostView } from '../../schema/api/nodes.ts';
import { hasEnded } from '../../schema/drain.ts';
import type { Mode } from '../../schema/migration-status.ts';
import { ago, moment } from '../../schema/units.ts';
import { confirm } from '../ask.ts';
import { consentsIn } from '../consents.ts';
import { requestOf } from '../drain-request.ts';
import { exitCodes } from '../exit-code.ts';
import { findDrain, findHost, listAll } from '../find.ts';
import { drainLines, drainStyle, planLines, summaryOf } from '../output/drain.ts';
import { table } from '../output/layout.ts';
import type { Terminal } from '../output/terminal.ts';
import { type PlannedWith, writePlanFile } from '../plan-file/write.ts';
import type { Session } from '../session.ts';
import { exitOfDrain, watchDrain } from '../watch-drain.ts';

interface DrainOptions {
  plan?: boolean;
  file?: string;
  writePlan?: string;
  stack?: string[];
  to?: string;
  mode: Mode;
  pack?: boolean;
  maxParallel?: number;
  bind?: string;
  exclude?: string[];
  watch?: boolean;
  yes?: boolean;
}

/** Shows the plan, asks for confirmation, then starts; with `--watch` follows it to its end. */
export async function drain(session: Session, host: string, options: DrainOptions) {
  const { term } = session;
  const client = await session.api();
  const { id, name } = await findHost(client, host);
  const { request, changes } = await requestOf(client, { id, name }, options);
  if (changes.length > 0) term.err(...changes);
  const onlyPlans = options.plan || options.writePlan !== undefined;
  if (!options.yes && !onlyPlans && !term.interactive) await confirm(term, '', options);
  if (onlyPlans || !term.json) {
    const plan = await client.post(`/hosts/${id}/drain`, { ...request, dry_run: true }, drainPlanView);
    if (options.writePlan !== undefined) await writePlanFile(options.writePlan, plan, plannedWith(options));
    if (term.json) term.document(plan);
    else term.out(...planLines(term, plan), ...nextOfPlan(term, plan, options));
    // A file is written for what stays, too.
    const isWell = plan.unmovable === 0 || options.writePlan !== undefined;
    if (onlyPlans) return isWell ? exitCodes.done : exitCodes.preflight_failed;
    await confirm(term, `Close ${name} to migrations, and move ${plan.movable} of its stacks now?`, options);
  }
  const started = await client.post(`/hosts/${id}/drain`, request, drainView);
  if (options.watch) return watchDrain(session, started);
  if (term.json) term.document(started);
  else term.out('', ...drainLines(term, started));
  return exitCodes.done;
}

const plannedWith = ({
  mode,
  to,
  pack: _,
  maxParallel,
  bind,
  exclude = [],
  ...options
}: DrainOptions): PlannedWith => ({
  ...(to === undefined ? {} : { to }),
  mode,
  ...(maxParallel === undefined ? {} : { max_parallel: maxParallel }),
  binds: bind === undefined ? [] : [bind],
  env: [],
  cutover_dns: [],
  proxy_protocol: [],
  exclude,
  ...consentsIn(options),
});

/** How to go on with a plan: its file, or how to give single stacks the options that would let them go. */
function nextOfPlan(term: Terminal, { host, stacks }: DrainPlanView, { writePlan, file }: DrainOptions): string[] {
  const command = `stackferry drain ${host.name}`;
  if (writePlan !== undefined) return ['', `Edit ${writePlan}, then: ${command} --file ${shellWord(writePlan)}`];
  const can = stacks.some(({ obstacle }) => obstacle && obstacle.lifted_by.length > 0);
  return can && file === undefined
    ? [
        '',
        `${term.paint('bold', 'Next:')} the same command with --write-plan plan.yaml: give single stacks their options there.`,
      ]
    : [];
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
  const goesHome = options.cancelRunning
    ? 'What is under way goes back to this host.'
    : 'What is under way is finished.';
  await confirm(session.term, `Abort the drain? ${goesHome}`, options);
  return act(session, id, 'abort', { cancel_running: options.cancelRunning ?? false });
}

/** Every migration of a drain that holds, at once or by itself at a time. Says which hold on, and why. */
export async function cutOverDrain(session: Session, id: string, options: { at?: string; yes?: boolean }) {
  const { term } = session;
  const client = await session.api();
  const { id: whole } = await findDrain(client, id);
  const { at } = options;
  await confirm(term, `Cut over all held migrations${at === undefined ? ' now' : ` at ${moment(at)}`}?`, options);
  const said = await client.post(`/drains/${whole}/cutover`, at === undefined ? {} : { at }, drainCutoverView);
  const code = said.refused.length === 0 ? exitCodes.done : exitCodes.not_moved;
  if (term.json) {
    term.document(said);
    return code;
  }
  term.out(
    ...said.cut_over.map(
      (migration) => `${migration} ${at === undefined ? 'is being cut over' : `is cut over at ${moment(at)}`}.`,
    ),
    ...said.refused.map(({ migration_id, message }) => `${migration_id} is not cut over: ${message}`),
  );
  return code;
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
