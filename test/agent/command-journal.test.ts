import { appendFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCommandJournal } from '../../agent/command-journal.ts';
import type { Outcome } from '../../schema/agent-protocol.ts';
import type { Command } from '../../schema/commands.ts';
import { temporaryDirectory } from './temporary.ts';

const command = (id: string, epoch = 1, migration_id = 'm1'): Command => ({
  type: 'command',
  trace_id: null,
  id,
  migration_id,
  epoch,
  kind: 'stop_stack',
  payload: { project: 'p' },
});
const done: Outcome = { ok: true, data: { prior: [], killed: [] } };

describe('command journal', () => {
  test('an outcome is there after a restart, and owed until it is acknowledged (F8)', async () => {
    const dir = await temporaryDirectory();
    const first = await openCommandJournal(dir);
    await first.begin(command('c1'));
    await first.finish('c1', done);
    await first.close();

    const second = await openCommandJournal(dir);
    expect(second.outcomeOf('c1')).toEqual(done);
    expect(second.owed()).toEqual([{ command_id: 'c1', outcome: done }]);
    await second.acknowledge('c1');
    await second.close();

    const third = await openCommandJournal(dir);
    expect(third.owed()).toEqual([]);
    expect(third.outcomeOf('c1'), 'a late repeat still gets it').toEqual(done);
    await third.close();
  });

  test('F42: a record half written at a power loss is left out, what stands before it is kept', async () => {
    const dir = await temporaryDirectory();
    const first = await openCommandJournal(dir);
    await first.begin(command('c1', 3));
    await first.close();
    await appendFile(join(dir, 'journal.jsonl'), '{"phase":"done","id":"c1","outco');

    const second = await openCommandJournal(dir);
    expect(second.outcomeOf('c1')).toBeNull();
    expect(second.epochOf('m1')).toBe(3);
    await second.finish('c1', done);
    await second.close();

    const third = await openCommandJournal(dir);
    expect(third.outcomeOf('c1'), 'what is appended after a torn record is whole').toEqual(done);
    await third.close();
  });

  test('a command cut off before its end has begun, but has no outcome', async () => {
    const dir = await temporaryDirectory();
    const first = await openCommandJournal(dir);
    await first.begin(command('c1'));
    await first.close();
    const second = await openCommandJournal(dir);
    expect(second.outcomeOf('c1')).toBeNull();
    expect(second.owed()).toEqual([]);
    await second.close();
  });

  test('it stays within its bound, and forgets neither epochs nor what is not acknowledged', async () => {
    const dir = await temporaryDirectory();
    const journal = await openCommandJournal(dir, { bytesMax: 4_000 });
    await journal.begin(command('owed', 7, 'old'));
    await journal.finish('owed', done);
    for (let index = 0; index < 60; index += 1) {
      await journal.begin(command(`c${index}`, 2));
      await journal.finish(`c${index}`, done);
      await journal.acknowledge(`c${index}`);
    }
    await journal.close();
    expect((await stat(join(dir, 'journal.jsonl'))).size).toBeLessThanOrEqual(4_000);
    const reopened = await openCommandJournal(dir);
    expect(reopened.owed().map(({ command_id }) => command_id)).toEqual(['owed']);
    expect([reopened.epochOf('m1'), reopened.epochOf('old')]).toEqual([2, 7]);
    await reopened.close();
  });

  test('acknowledged commands are dropped at a start, a week later', async () => {
    const dir = await temporaryDirectory();
    const journal = await openCommandJournal(dir, { now: () => 0 });
    await journal.begin(command('c1'));
    await journal.finish('c1', done);
    await journal.acknowledge('c1');
    await journal.close();
    const later = await openCommandJournal(dir, { now: () => 8 * 24 * 3_600_000 });
    expect(later.outcomeOf('c1')).toBeNull();
    expect(later.epochOf('m1')).toBe(1);
    await later.close();
    expect(await readFile(join(dir, 'journal.jsonl'), 'utf8')).not.toContain('c1');
  });
});
