import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { markdownTables } from '../result.ts';
import { type FleetRun, measuresOf, perMigration, readSettings, type Wave } from './figures.ts';
import { newMeter, peakPerSecond } from './meter.ts';
import { databaseBytes, writeTransactions } from './write-count.ts';

const wave = (more: Partial<Wave> = {}): Wave => ({
  ...{
    stacks: 100,
    failed: 0,
    wallS: 20,
    eachS: [14, 15, 20],
    cpuS: 12,
    writes: 2_000,
    messages: 5_000,
    databaseBytes: 5_000_000,
  },
  ...more,
});
const run = (hosts: number, more: Partial<FleetRun> = {}): FleetRun => ({
  hosts,
  idle: { seconds: 100, cpuS: 10, writes: 0, messages: hosts * 10 },
  waves: [wave()],
  restart: { upS: 5, backS: 12, connectsPeak: 40, welcomesPeak: 30 },
  peaksMb: { front: 100, workerd: 200 },
  ...more,
});
const rows = (runs: FleetRun[]) =>
  markdownTables([{ name: 'fleet', machine: 'm', peers: [], measures: measuresOf(runs), memory_mb: {} }]).split('\n');
const rowOf = (runs: FleetRun[], of: string) => rows(runs).find((line) => line.includes(`| ${of} |`));

describe('figures of a fleet', () => {
  it('charge a migration with what goes beyond the idle fleet', () => {
    // 20 s of the idle fleet cost 2 of the 12 CPU seconds, and 200 of the messages.
    expect(perMigration(run(100), wave(), 'cpuS')).toBe(0.1);
    expect(perMigration(run(100), wave(), 'messages')).toBe(48);
    expect(perMigration(run(100), wave(), 'writes')).toBe(20);
    expect(rowOf([run(100)], '100 hosts: database per migration')).toContain('| 50.00 KB |');
  });

  it('compare each size with the first: CPU and time, flat within the goal', () => {
    const dear = run(1_000, { waves: [wave({ cpuS: 16 }), wave({ cpuS: 15.5 }), wave({ cpuS: 15, eachS: [15] })] });
    const of = (what: string) => `1000 hosts: ${what} ÷ of 10 hosts`;
    expect(rowOf([run(10), dear], of('CPU per migration'))).toContain('| 1.35 × | 1.30 to 1.40 | ≤ 1.3 | **missed** |');
    expect(rowOf([run(10), dear], of('time of a migration'))).toContain('| 1.00 × | 1.00 to 1.00 | ≤ 1.3 | met |');
    expect(rows([dear]).some((line) => line.includes('÷'))).toBe(false);
  });

  it('hold an idle host to one message in ten seconds and to no write', () => {
    const messages = '100 hosts: idle, messages per host in 10 s';
    expect(rowOf([run(100)], messages)).toContain('| 1.00 messages | 1.00 to 1.00 | ≤ 1 in each | met |');
    const talkative = run(100, { idle: { seconds: 100, cpuS: 10, writes: 1, messages: 2_000 } });
    expect(rowOf([talkative], messages)).toContain('| 2.00 messages |');
    expect(rowOf([talkative], messages)).toContain('**missed**');
    expect(rowOf([talkative], '100 hosts: idle, write transactions')).toContain(
      '| 1 | 1 to 1 | ≤ 0 in each | **missed**',
    );
    expect(rowOf([run(100)], '100 hosts: idle, write transactions')).toContain('| met |');
  });

  it('judge a restart by the last host and by the busiest second', () => {
    const slow = run(10, { restart: { upS: 5, backS: 61, connectsPeak: 101, welcomesPeak: 90 } });
    for (const of of ['until all are back', 'connects in one second']) {
      expect(rowOf([slow], `10 hosts: restart, ${of}`)).toContain('**missed**');
      expect(rowOf([run(10)], `10 hosts: restart, ${of}`)).toContain('| met |');
    }
  });

  it('find the busiest second wherever it begins', () => {
    expect(peakPerSecond([])).toBe(0);
    expect(peakPerSecond([5_000, 900, 1_800, 0, 1_899])).toBe(3);
    expect(peakPerSecond([0, 1_000, 2_000])).toBe(1);
  });

  it('end a migration with the last result of both hosts', () => {
    const meter = newMeter();
    meter.tookLast('mig_1', 7);
    expect(meter.endOf('mig_1')).toBeNull();
    meter.tookLast('mig_1', 5);
    expect([meter.endOf('mig_1'), meter.endOf('mig_2')]).toEqual([7, null]);
  });

  it('need more hosts than rounds, and an interval of reports', () => {
    const settings = { hosts: '10,100', stacks: '100', idle: '30' };
    expect(readSettings(settings, 3)).toEqual({ hosts: [10, 100], stacks: 100, idleS: 30 });
    for (const [wrong, why] of [
      [{ hosts: '4' }, '--hosts 4: numbers of at least 5 hosts'],
      [{ hosts: '10,many' }, '--hosts 10,many'],
      [{ stacks: '201' }, '--stacks 201: 1 to 200'],
      [{ idle: 'long' }, '--idle long: at least 10 seconds'],
    ] as const)
      expect(() => readSettings({ ...settings, ...wrong }, 3)).toThrow(why);
  });

  it('miss the goal by one migration that failed', () => {
    const failing = run(10, { waves: [wave(), wave({ failed: 1 }), wave()] });
    expect(rowOf([failing], '10 hosts: migrations that failed')).toContain('| 0 | 0 to 1 | ≤ 0 in each | **missed** |');
  });
});

describe('writes of a database', () => {
  it.each(['WAL', 'DELETE'])(
    'are counted by transaction while another process has it open, with journal_mode %s',
    async (mode) => {
      const dir = await mkdtemp(join(tmpdir(), 'stackferry-writes-'));
      onTestFinished(() => rm(dir, { recursive: true }));
      const path = join(dir, 'a.sqlite');
      const database = new DatabaseSync(path);
      onTestFinished(() => database.close());
      database.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE t (a)`);
      const before = await writeTransactions(path);
      database.exec('BEGIN; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); COMMIT');
      database.exec('INSERT INTO t VALUES (3)');
      expect((await writeTransactions(path)) - before).toBe(2);
      database.exec('DELETE FROM t WHERE a > 9; SELECT * FROM t');
      expect((await writeTransactions(path)) - before).toBe(2);
      const bytes = databaseBytes(path);
      database.exec('INSERT INTO t VALUES (hex(zeroblob(50000)))');
      expect(databaseBytes(path) - bytes).toBeGreaterThan(90_000);
    },
  );
});
