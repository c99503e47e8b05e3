import { describe, expect, test } from 'vitest';
import { type CommandJournal, openCommandJournal } from '../../agent/command-journal.ts';
import { createCommandRunner } from '../../agent/commands/runner/runner.ts';
import { createLog } from '../../node/log.ts';
import type { Outcome } from '../../schema/agent-protocol.ts';
import type { Command } from '../../schema/commands.ts';
import { StackferryError } from '../../schema/errors.ts';
import { eventually, temporaryDirectory } from './temporary.ts';

const command = (id: string, epoch = 1, kind: Command['kind'] = 'deploy'): Command => ({
  type: 'command',
  id,
  migration_id: 'm1',
  epoch,
  kind,
  payload: {},
  trace_id: null,
});

async function runnerWith(
  perform: (command: Command, signal: AbortSignal) => Promise<unknown>,
  journal?: CommandJournal,
) {
  const outcomes: [string, Outcome][] = [];
  const opened = journal ?? (await openCommandJournal(await temporaryDirectory()));
  const runner = createCommandRunner({
    journal: opened,
    perform,
    onOutcome: (id, outcome) => void outcomes.push([id, outcome]),
    onAlive: () => {},
    log: createLog(() => {}),
  });
  const codeOf = (id: string) => {
    const found = outcomes.find(([told]) => told === id)?.[1];
    return found && (found.ok ? 'ok' : found.error.code);
  };
  return { runner, outcomes, codeOf, journal: opened };
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('torn down')), { once: true }),
  );

describe('command runner', () => {
  test('F8: a repeat of a done command gets the stored outcome, and is not done again', async () => {
    let times = 0;
    const { runner, outcomes } = await runnerWith(async () => ({ times: ++times }));
    runner.receive(command('c1'));
    await eventually(() => outcomes.length === 1, 'the first outcome');
    runner.receive(command('c1'));
    expect(outcomes).toEqual([
      ['c1', { ok: true, data: { times: 1 } }],
      ['c1', { ok: true, data: { times: 1 } }],
    ]);
  });

  test('a repeat of a command that runs starts nothing', async () => {
    let times = 0;
    const { runner, outcomes } = await runnerWith(async () => {
      times += 1;
      await new Promise((resolve) => setTimeout(resolve, 30));
    });
    runner.receive(command('c1'));
    runner.receive(command('c1'));
    expect(runner.state('c1')).toBe('running');
    await eventually(() => outcomes.length > 0, 'the outcome');
    expect(times).toBe(1);
    expect([runner.state('c1'), runner.state('c2')]).toEqual(['done', 'unknown']);
  });

  test('F9: a late command of an older epoch is refused, also after a restart', async () => {
    const dir = await temporaryDirectory();
    const journal = await openCommandJournal(dir);
    const first = await runnerWith(async () => ({}), journal);
    first.runner.receive(command('new', 2));
    await eventually(() => first.codeOf('new'), 'the newer command');
    first.runner.receive(command('old', 1));
    expect(first.codeOf('old')).toBe('epoch_stale');
    await journal.close();
    const second = await runnerWith(async () => ({}), await openCommandJournal(dir));
    second.runner.receive(command('old', 1));
    expect(second.codeOf('old')).toBe('epoch_stale');
  });

  test('a newer epoch aborts what runs of the older one, and starts only when that has ended', async () => {
    const order: string[] = [];
    const { runner, codeOf } = await runnerWith(async ({ id }, signal) => {
      order.push(`${id} begins`);
      if (id === 'deploy') {
        await untilAborted(signal).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 30));
        order.push('deploy ends');
        throw new Error('torn down');
      }
    });
    runner.receive(command('deploy', 1));
    await eventually(() => order.length === 1, 'the deployment');
    runner.receive(command('stop', 2, 'stop_target'));
    await eventually(() => codeOf('stop'), 'the stop');
    expect(order).toEqual(['deploy begins', 'deploy ends', 'stop begins']);
    expect(codeOf('deploy')).toBe('epoch_stale');
  });

  test('a command that the end of the agent interrupts has no outcome, and runs again when it is repeated', async () => {
    const dir = await temporaryDirectory();
    const journal = await openCommandJournal(dir);
    const first = await runnerWith(async (_, signal) => untilAborted(signal), journal);
    first.runner.receive(command('c1'));
    await eventually(() => first.runner.state('c1') === 'running', 'the command');
    await first.runner.close();
    await journal.close();
    expect(first.outcomes).toEqual([]);
    const second = await runnerWith(async () => ({ anew: true }), await openCommandJournal(dir));
    second.runner.receive(command('c1'));
    await eventually(() => second.codeOf('c1') === 'ok', 'the second run');
  });

  test('a failure tells its code, and keeps what is not ours to tell to itself', async () => {
    const { runner, outcomes, codeOf } = await runnerWith(async () => {
      throw new StackferryError('engine_error', 'The engine refused.', { cause: new Error('password=hunter2') });
    });
    runner.receive(command('c1'));
    await eventually(() => codeOf('c1') === 'engine_error', 'the failure');
    expect(JSON.stringify(outcomes)).not.toContain('hunter2');
  });
});

test('C8: an id that the journal knows as another command is refused, and not answered with its result', async () => {
  const { runner, codeOf, outcomes } = await runnerWith(async () => ({}));
  runner.receive(command('c1', 1, 'stop_stack'));
  await eventually(() => codeOf('c1') === 'ok', 'the first outcome');
  outcomes.length = 0;
  runner.receive(command('c1', 1, 'restore_source'));
  expect(codeOf('c1')).toBe('epoch_stale');
  outcomes.length = 0;
  runner.receive(command('c1', 2, 'stop_stack'));
  expect(codeOf('c1')).toBe('epoch_stale');
  outcomes.length = 0;
  runner.receive({ ...command('c1', 1, 'stop_stack'), migration_id: 'another' });
  expect(codeOf('c1')).toBe('epoch_stale');
});
