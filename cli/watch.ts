import { setTimeout as sleep } from 'node:timers/promises';
import { type MigrationView, migrationView, progressView } from '../schema/api/migrations.ts';
import { limits } from '../schema/limits.ts';
import { isTerminal, type TerminalStatus } from '../schema/migration-status.ts';
import { patiently, type ServerEvent } from './api-client.ts';
import { CliError, type ExitCode, exitCodes } from './exit-code.ts';
import { liveWatcher } from './output/live-watcher.ts';
import { plainWatcher } from './output/plain-watcher.ts';
import type { Watcher } from './output/watcher.ts';
import type { Session } from './session.ts';
import { watchSilence } from './watch-silence.ts';

/**
 * Follows a migration to its end, then prints a summary. Returns the exit code, given the `wanted` end. Ctrl-C only
 * detaches: the migration continues. Also detaches when it needs attention or holds, which may last for days.
 */
export async function watch(session: Session, started: MigrationView, wanted: TerminalStatus): Promise<ExitCode> {
  const api = await session.api();
  const { term } = session;
  const watcher = term.json ? null : term.live ? liveWatcher(term) : plainWatcher(term);
  const detach = new AbortController();
  const onSigint = () => detach.abort();
  // Removed only at the end: the live display restores the cursor at a signal, and ends the process if there is no
  // other listener.
  process.on('SIGINT', onSigint);
  const over = new AbortController();
  if (watcher) void watchSilence(api, started, (line) => watcher.told(line), over.signal);
  let view = started;
  const look = async () => {
    view = await patiently(() => api.get(`/migrations/${started.id}`, migrationView), detach.signal);
    return view;
  };
  watcher?.state(view);
  if (term.json) term.document({ kind: 'migration', data: view });
  try {
    const waitedFor = started.status === 'needs_attention';
    for await (const event of api.follow(started.id, {
      signal: detach.signal,
      onAway: ({ message }) => watcher?.told(`${message} Trying again.`),
    })) {
      if (term.json) term.document(event);
      if (event.kind === 'progress') watcher?.progress(progressView.parse(event.data));
      if (isNews(event, started)) tellNews(watcher, event);
      const mayEndIt = event.kind === 'status' || (event.kind === 'notice' && view.status === 'holding');
      if (!mayEndIt || !(Date.parse(String(event.data.at)) > Date.parse(view.updated_at))) continue;
      await look();
      watcher?.state(view);
      if (view.status === 'needs_attention' && !waitedFor) break;
      if (holdsOn(view) && !holdsOn(started)) break;
    }
    await settled(look, detach.signal);
    watcher?.close(view);
  } catch (error) {
    throw detach.signal.aborted ? detached(view) : error;
  } finally {
    process.off('SIGINT', onSigint);
    over.abort();
    watcher?.close(null);
  }
  if (term.json) term.document({ kind: 'end', data: view });
  const { hold } = started;
  const wasWanted = hold !== null && (hold.cutting_over || hold.cut_over_at !== null);
  return holdsOn(view) && wasWanted ? exitCodes.not_moved : exitOf(view, wanted);
}

/** Until somebody asks for a cutover: none is under way or set, or it was called off. */
const holdsOn = ({ status, hold }: MigrationView): boolean =>
  status === 'holding' && hold !== null && !hold.cutting_over && hold.cut_over_at === null;

/**
 * Waits for final duties (setting restart policies), mostly done within a second, so that the summary includes them.
 */
async function settled(look: () => Promise<MigrationView>, signal: AbortSignal): Promise<void> {
  const giveUp = Date.now() + limits.cli.owedMsMax;
  for (let view = await look(); isTerminal(view.status) && view.owed.length > 0; view = await look()) {
    if (Date.now() > giveUp) return;
    await sleep(limits.cli.pollMs, undefined, { signal });
  }
}

/** Exit code of a watched migration. */
export function exitOf({ status }: MigrationView, wanted: TerminalStatus): ExitCode {
  if (status === wanted || status === 'holding') return exitCodes.done;
  return status === 'needs_attention' ? exitCodes.needs_attention : exitCodes.not_moved;
}

/** Events before the watch began are history, which `show` prints. */
const isNews = ({ data }: ServerEvent, { updated_at }: MigrationView) =>
  Date.parse(String(data.at)) >= Date.parse(updated_at);

function tellNews(watcher: Watcher | null, { kind, data }: ServerEvent): void {
  const code = typeof data.code === 'string' ? ` (${data.code})` : '';
  if (kind === 'status') watcher?.entered(String(data.to));
  else if (kind === 'failure') watcher?.told(`failure: ${data.message}${code}`);
  else if (kind === 'notice' || kind === 'reset') watcher?.told(`${data.message}${code}`);
}

const detached = ({ id, stack }: MigrationView) =>
  new CliError('detached', `Detached. The migration of ${stack.name} continues.`, exitCodes.detached, [
    `Follow it again: stackferry show ${id} --watch`,
    `Stop it: stackferry cancel ${id}`,
  ]);
