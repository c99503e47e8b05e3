import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { liveGuard } from '../../agent/lease/guard-pidfile.ts';
import { until } from '../../cli/local/fleet.ts';
import { isAlive } from '../support/is-alive.ts';
import { type FlowRig, type Side, startFlowRig } from './flow-rig.ts';

const bound = { timeout: 300_000 };
/** What a service manager waits before it kills; a lease ends well within it. */
const stopTimeoutMs = 90_000;

let rig: FlowRig;
beforeAll(async () => {
  rig = await startFlowRig();
}, 120_000);
afterAll(() => rig?.close(), 60_000);

/**
 * As a service manager stops a unit: SIGTERM to every process of the service, the agent and the guard, then SIGKILL to
 * those that are left at the timeout. Resolves to the milliseconds it took.
 */
async function stopService(side: Side): Promise<number> {
  const began = performance.now();
  const guard = await liveGuard(rig.stateDir(side));
  const agent = rig.hosts[side].pid;
  const pids = [agent, ...(guard === null ? [] : [guard])];
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  const gone = async () => !pids.some(isAlive);
  await until(gone, 'the service to stop', stopTimeoutMs).catch(() => {
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  });
  return performance.now() - began;
}

const begun = async (side: Side, command: string, before: number) =>
  until(async () => (await rig.log(side)).split(`${command} begins`).length > before, `${command} to begin`);
const countOf = async (side: Side, command: string) => (await rig.log(side)).split(`${command} begins`).length;
const runningSides = async () => ({ source: await rig.runs('source'), target: await rig.runs('target') });

/** Stops and restarts the services of both hosts, then as `homeAtEnd`. */
async function restartBoth(id: string): Promise<Side> {
  await Promise.all([stopService('source'), stopService('target')]);
  await Promise.all([rig.hosts.source.restart(), rig.hosts.target.restart()]);
  return homeAtEnd(id);
}

/** Lets the migration end, and sees that one copy runs, where its status says. */
async function homeAtEnd(id: string): Promise<Side> {
  const { status } = await rig.fleet.ended(id);
  const home = status === 'completed' ? 'target' : 'source';
  await until(() => rig.runs(home), `the ${home} to run`);
  expect(await runningSides()).toEqual({ source: home === 'source', target: home === 'target' });
  return home;
}

/** Brings the stack back to the source, and removes what is left of it on the target. */
async function bringHome(id: string): Promise<void> {
  const { api } = rig.fleet;
  if ((await rig.show(id)).status === 'completed') {
    await api.post(`/migrations/${id}/rollback`, {});
    expect((await rig.fleet.ended(id)).status).toBe('rolled_back');
  }
  if ((await rig.show(id)).status === 'rolled_back') await api.delete(`/stacks/app/migrate/${id}/target`);
  expect(await runningSides()).toEqual({ source: true, target: false });
}

describe('the service of the agent is stopped, as a service manager does it', () => {
  test(
    'P3: while the target is verified, and stays stopped: the source runs, and nothing on the target',
    bound,
    async () => {
      const id = await rig.start();
      await begun('target', 'verify_health', 1);
      expect(await rig.runs('target')).toBe(true);
      expect(await stopService('target')).toBeLessThan(20_000);
      expect(await rig.runs('target')).toBe(false);
      await until(() => rig.runs('source'), 'the source to run again', 200_000);
      expect(await runningSides()).toEqual({ source: true, target: false });
      await rig.hosts.target.restart();
      expect((await rig.fleet.ended(id)).status).toBe('failed');
      expect(await runningSides()).toEqual({ source: true, target: false });
    },
  );

  test(
    'P3: the agent was killed before: its guard stops what is leased when the service is stopped',
    bound,
    async () => {
      const before = await rig.digest('source');
      const id = await rig.start();
      await begun('target', 'verify_health', 2);
      process.kill(rig.hosts.target.pid, 'SIGKILL');
      const guard = await liveGuard(rig.stateDir('target'));
      process.kill(guard!, 'SIGTERM');
      await until(async () => !(await rig.runs('target')), 'the guard to stop the target', 15_000);
      // Within its lease the target may be started and proven after all; else the source runs again.
      await rig.hosts.target.restart();
      expect(await rig.digest(await homeAtEnd(id))).toEqual(before);
      await bringHome(id);
    },
  );

  test.each<[string, Side, string]>([
    ['preparing', 'target', 'prepare_target'],
    ['stopping', 'source', 'stop_stack'],
    ['transferring', 'target', 'receive_volumes'],
    ['shipping', 'source', 'send_project'],
    ['deploying', 'target', 'deploy'],
    ['completed', 'target', 'arm_target'],
  ])('P3: both are restarted in %s: one copy runs in the end', bound, async (_step, side, command) => {
    const before = await rig.digest('source');
    const seen = await countOf(side, command);
    const id = await rig.start();
    await begun(side, command, seen);
    expect(await rig.digest(await restartBoth(id))).toEqual(before);
    await bringHome(id);
  });

  test.each<[string, Side, string]>([
    ['halted', 'target', 'halt_target'],
    ['revived', 'source', 'revive_source'],
    ['proven', 'source', 'verify_source'],
  ])(
    'P3: both are restarted in a rollback, while it is %s: one copy runs in the end',
    bound,
    async (_, side, command) => {
      const id = await rig.start();
      expect((await rig.fleet.ended(id)).status).toBe('completed');
      const seen = await countOf(side, command);
      await rig.fleet.api.post(`/migrations/${id}/rollback`, {});
      await begun(side, command, seen);
      await restartBoth(id);
      await bringHome(id);
    },
  );
});
