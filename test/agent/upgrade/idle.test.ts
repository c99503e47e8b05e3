import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openAgentCore } from '../../../agent/core.ts';
import type { Engine } from '../../../agent/engine/engine.ts';
import { openMigrationLedger } from '../../../agent/migration-ledger.ts';
import { openPrograms } from '../../../agent/upgrade/programs.ts';
import { createUpgrade, type Idleness } from '../../../agent/upgrade/upgrade.ts';
import { createLog } from '../../../node/log.ts';
import { agentVersion } from '../../../node/version.ts';
import type { Command } from '../../../schema/commands.ts';
import { noForward } from '../../support/no-forward.ts';
import { eventually, temporaryDirectory } from '../temporary.ts';
import { startWebSocketServer } from '../websocket-server.ts';
import { sha256Of } from './upgrade-rig.ts';

const log = createLog(() => {});
const newer = `console.log("${agentVersion}")`;
const ask = { sha256: sha256Of(newer), version: agentVersion, automatic: false };
const question = { type: 'request', id: 'q1', kind: 'upgrade', payload: ask } as const;

async function upgradeOf(options: { guardAlive?: boolean; upgrade?: 'asked' | 'auto'; onFetch?: () => void } = {}) {
  const { url } = await startWebSocketServer({
    onRequest: (_, response) => {
      options.onFetch?.();
      response.end(newer);
    },
  });
  const directory = await temporaryDirectory();
  const restart = vi.fn();
  const upgrade = createUpgrade({
    config: { controlUrl: url, upgrade: options.upgrade ?? 'asked' },
    programs: openPrograms(directory, join(directory, 'own.js')),
    sha256: '0'.repeat(64),
    guardAlive: async () => options.guardAlive ?? false,
    restart,
    log,
  });
  return { upgrade, restarts: () => restart.mock.calls.length, isNext: () => existsSync(join(directory, 'next')) };
}

const idle: Idleness = { busyWith: () => null, closeIfIdle: () => true };
const signal = new AbortController().signal;
const busy = { code: 'host_busy' };

/** A core whose one command lasts until it is let end. */
async function coreWith(part: Awaited<ReturnType<typeof upgradeOf>>, stateDir: string) {
  const answer = Promise.withResolvers<never>();
  const asked = vi.fn(() => answer.promise);
  const engine = new Proxy({} as Engine, {
    get: (_, method) => (method === 'sweep' ? async () => {} : method === 'then' ? undefined : asked),
  });
  const core = await openAgentCore({
    ...{ stateDir, engine, log, upgrade: part.upgrade },
    control: { ask: async () => Promise.reject(new Error('away')), report: () => {}, sendResult: () => {} },
    lanes: {} as never,
    openForward: () => noForward,
    throttles: {} as never,
    pingRelay: async () => 1,
  });
  const command = (id: string): Command => ({
    ...{ type: 'command', id, migration_id: 'mig_1', epoch: 1, kind: 'prepare_source' },
    payload: { project: 'shop', source_dir: '/srv/shop', volumes: ['data'] },
    trace_id: null,
  });
  return { core, command, commands: () => asked.mock.calls.length, end: () => answer.reject(new Error('over')) };
}

test('nothing is interrupted: a command under way refuses an upgrade; after one, no command begins', async () => {
  const part = await upgradeOf();
  const { core, command, commands, end } = await coreWith(part, await temporaryDirectory());
  core.receive(command('mig_1.1'));
  await eventually(() => commands() > 0, 'the command');
  expect(await core.answer(question)).toMatchObject({ ok: false, error: busy });
  end();
  await eventually(async () => (await core.answer(question)).ok, 'the upgrade');
  expect([part.restarts(), part.isNext()]).toEqual([1, true]);
  core.receive(command('mig_1.2'));
  const status = { ...question, kind: 'command_status', payload: { command_id: 'mig_1.2' } } as const;
  expect(await core.answer(status)).toEqual({ ok: true, data: { state: 'unknown' } });
  await core.close();
});

test('a lease refuses an upgrade, and so does a guard', async () => {
  const part = await upgradeOf();
  const stateDir = await temporaryDirectory();
  const ledger = await openMigrationLedger(stateDir);
  await ledger.update({ migration_id: 'mig_1', project: 'shop', role: 'target' }, (entry) => {
    entry.deployed = true;
  });
  const { core } = await coreWith(part, stateDir);
  expect(await core.answer(question)).toMatchObject({ ok: false, error: busy });
  const guarded = await upgradeOf({ guardAlive: true });
  await expect(guarded.upgrade(ask, idle, signal)).rejects.toMatchObject(busy);
  expect([part.restarts(), guarded.restarts()]).toEqual([0, 0]);
});

test('what begins while the program is fetched is not interrupted either', async () => {
  let working = false;
  const part = await upgradeOf({
    onFetch: () => {
      working = true;
    },
  });
  const idleness: Idleness = { busyWith: () => (working ? 'a command' : null), closeIfIdle: () => !working };
  await expect(part.upgrade(ask, idleness, signal)).rejects.toMatchObject(busy);
  // And at the last moment, once the next start is arranged.
  const later = await upgradeOf();
  await expect(later.upgrade(ask, { ...idle, closeIfIdle: () => false }, signal)).rejects.toMatchObject(busy);
  expect([part.isNext(), later.isNext(), part.restarts(), later.restarts()]).toEqual([false, false, 0, 0]);
  // It can be asked again.
  working = false;
  await later.upgrade(ask, idle, signal);
  expect([later.isNext(), later.restarts()]).toEqual([true, 1]);
});

test('a migration that began while the program was fetched is not interrupted between two of its commands', async () => {
  let begin = () => {};
  const part = await upgradeOf({ onFetch: () => begin() });
  const { core, command, commands, end } = await coreWith(part, await temporaryDirectory());
  begin = () => {
    core.receive(command('mig_1.1'));
    void eventually(() => commands() > 0, 'the command').then(end);
  };
  expect(await core.answer(question)).toMatchObject({ ok: false, error: busy });
  expect([commands() > 0, part.restarts(), part.isNext()]).toEqual([true, 0, false]);
  begin = () => {};
  await eventually(async () => (await core.answer(question)).ok, 'the upgrade');
});

test('by itself the control plane upgrades only an agent that was started with --auto-update', async () => {
  const automatic = { ...ask, automatic: true };
  const asked = await upgradeOf();
  await expect(asked.upgrade(automatic, idle, signal)).rejects.toMatchObject({ code: 'not_upgradable' });
  const auto = await upgradeOf({ upgrade: 'auto' });
  await auto.upgrade(automatic, idle, signal);
  expect(auto.restarts()).toBe(1);
});

test('C14 a host whose stack is stopped to be moved is not idle, however long ago its last command was', async () => {
  const idleWith = async (prior: [] | null) => {
    const stateDir = await temporaryDirectory();
    const ledger = await openMigrationLedger(stateDir);
    await ledger.update({ migration_id: 'mig_1', project: 'shop', role: 'source' }, (entry) => {
      entry.prior = prior;
    });
    const { core } = await coreWith(await upgradeOf(), stateDir);
    const now = vi.spyOn(performance, 'now').mockReturnValue(3_600_000);
    const isIdle = core.idle();
    now.mockRestore();
    await core.close();
    return isIdle;
  };
  expect(await idleWith(null)).toBe(true);
  expect(await idleWith([])).toBe(false);
});
