import { setTimeout as sleep } from 'node:timers/promises';
import { type DrainView, drainView } from '../schema/api/drains.ts';
import { hasEnded } from '../schema/drain.ts';
import { limits } from '../schema/limits.ts';
import { patiently } from './api-client.ts';
import { CliError, type ExitCode, exitCodes } from './exit-code.ts';
import { drainLines, stackLine } from './output/drain.ts';
import type { Session } from './session.ts';

/**
 * Prints a line for each stack that enters a new state until the drain has ended, then a summary. Ctrl-C only detaches:
 * the drain continues.
 */
export async function watchDrain(session: Session, started: DrainView): Promise<ExitCode> {
  const { term } = session;
  const api = await session.api();
  const detach = new AbortController();
  const onSigint = () => detach.abort();
  process.on('SIGINT', onSigint);
  let view = started;
  const said = new Map<string, string>();
  const tell = () => {
    if (term.json) term.document({ kind: hasEnded(view.status) ? 'end' : 'drain', data: view });
    else
      for (const one of view.stacks)
        if (said.get(one.stack.id) !== one.status && one.status !== 'waiting') term.out(stackLine(term, one));
    for (const { stack, status } of view.stacks) said.set(stack.id, status);
  };
  tell();
  try {
    while (!hasEnded(view.status)) {
      await sleep(limits.cli.drainPollMs, undefined, { signal: detach.signal });
      const { updated_at } = view;
      view = await patiently(() => api.get(`/drains/${started.id}`, drainView), detach.signal);
      if (view.updated_at !== updated_at) tell();
    }
  } catch (error) {
    throw detach.signal.aborted ? detached(view) : error;
  } finally {
    process.off('SIGINT', onSigint);
  }
  if (!term.json) term.out('', ...drainLines(term, view));
  return exitOfDrain(view);
}

/** Exit code of a watched drain. */
export const exitOfDrain = ({ status }: DrainView): ExitCode =>
  status === 'completed' ? exitCodes.done : exitCodes.not_moved;

const detached = ({ id, host }: DrainView) =>
  new CliError('detached', `Detached. The drain of ${host.name} continues.`, exitCodes.detached, [
    `Follow it again: stackferry drains show ${id} --watch`,
    `Pause it: stackferry drains pause ${id}`,
  ]);
