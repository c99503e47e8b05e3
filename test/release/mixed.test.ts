import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type LedgerEntry, ledgerDirectory } from '../../agent/migration-ledger.ts';
import { type Member, until } from '../../cli/local/fleet.ts';
import { agentVersion } from '../../node/version.ts';
import { type FlowRig, mib, type Side, startFlowRig } from '../flow/flow-rig.ts';
import type { Parts } from '../support/fleet-rig.ts';
import { type KeptRelease, keptRelease } from './kept-release.ts';

/**
 * The release before, as it was built, beside this one. Each fleet begins with old parts only; in the middle of a
 * migration some of them are stopped and started as new ones, as docs/upgrade.md says.
 */
const before = '0.1.0';
const bound = { timeout: 300_000 };

let dir = '';
let old: KeptRelease;
let rig: FlowRig;
let parts: Parts;
let bytes: string[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-release-'));
  old = await keptRelease(before, join(dir, before));
}, 60_000);
afterAll(() => rm(dir, { recursive: true, force: true }));
afterEach(() => rig?.close(), 60_000);

/** So slow at first that whatever is restarted is restarted in the middle. */
async function startOldFleet(): Promise<void> {
  parts = { control: old.control, relay: old.relay, source: old.agent, target: old.agent };
  rig = await startFlowRig({ parts, wireBytesPerS: mib });
  bytes = await rig.digest('source');
  expect(await versions()).toEqual({ source: before, target: before });
}

async function versions(): Promise<Record<Side, string>> {
  const of = async ({ id }: Member) =>
    (await rig.fleet.api.get<{ agent_version: string }>(`/hosts/${id}`)).agent_version;
  return { source: await of(rig.hosts.source), target: await of(rig.hosts.target) };
}

async function allOnline(): Promise<boolean> {
  const nodes = ['/hosts', '/relays'].map((path) => rig.fleet.api.get<{ items: { status: string }[] }>(path));
  return (await Promise.all(nodes)).every(({ items }) => items.every(({ status }) => status === 'online'));
}

/**
 * In the middle of the large volume, with the small one recorded by both: an agent of 0.1.0 that is killed between a
 * lane's end and its record waits in vain for a peer that has finished that lane.
 */
async function inTransfer(): Promise<string> {
  const id = await rig.start();
  const one = async (side: Side) => (await recordedLanes(side, id)).length === 1;
  await until(async () => (await one('source')) && one('target'), 'both to have recorded the small volume');
  await rig.sent(mib);
  expect((await rig.show(id)).status).toBe('transferring');
  return id;
}

async function recordedLanes(side: Side, id: string): Promise<string[]> {
  const text = await readFile(join(ledgerDirectory(rig.stateDir(side)), `${id}.json`), 'utf8').catch(() => null);
  return text === null ? [] : Object.keys((JSON.parse(text) as LedgerEntry).lanes);
}

const renewed = {
  control: async () => {
    await rig.stopControl();
    delete parts.control;
    await rig.startControl();
    await until(allOnline, 'all parts to be back');
  },
  relay: async () => {
    delete parts.relay;
    await asService(rig.relays[0]!.member);
  },
  /** Without a word, since an agent of 0.1.0 that is asked to end tells its peer that the transfer is over. */
  agent: async (side: Side) => {
    delete parts[side];
    await rig.hosts[side].stop('SIGKILL');
    await rig.hosts[side].restart();
    expect(await versions()).toMatchObject({ [side]: agentVersion });
  },
};

/** Restarts it as a service manager does. */
async function asService(member: Member): Promise<void> {
  await member.stop();
  await member.restart();
}

async function ends(id: string, status: string, home: Side): Promise<void> {
  rig.relays[0]!.wire.bytesPerS = Number.POSITIVE_INFINITY;
  const ended = await rig.fleet.ended(id);
  expect(ended.status, ended.failure?.message).toBe(status);
  await until(() => rig.runs(home), `the ${home} to run`);
  expect({ source: await rig.runs('source'), target: await rig.runs('target') }).toEqual({
    source: home === 'source',
    target: home === 'target',
  });
  expect(await rig.digest(home)).toEqual(bytes);
}

async function rollsBack(id: string): Promise<void> {
  await rig.fleet.api.post(`/migrations/${id}/rollback`, {});
  await ends(id, 'rolled_back', 'source');
  await rig.fleet.api.delete(`/stacks/app/migrate/${id}/target`);
}

describe(`a fleet of ${before} that is upgraded in the middle of a migration`, () => {
  test('C7: its agents finish it with the new control plane and relay, and take it back', bound, async () => {
    await startOldFleet();
    const id = await inTransfer();
    await renewed.control();
    await renewed.relay();
    await ends(id, 'completed', 'target');
    expect(await versions()).toEqual({ source: before, target: before });
    await rollsBack(id);
    // From a new agent to an old one.
    await renewed.agent('source');
    await ends(await rig.start(), 'completed', 'target');
  });

  test('C7: new agents finish it with its control plane and relay; the new one takes it back', bound, async () => {
    await startOldFleet();
    const id = await inTransfer();
    await renewed.agent('source');
    await renewed.agent('target');
    await ends(id, 'completed', 'target');
    await renewed.control();
    await rollsBack(id);
    // From here on they may be asked to end, as a service manager does.
    rig.relays[0]!.wire.bytesPerS = 4 * mib;
    const next = await inTransfer();
    await asService(rig.hosts.target);
    await asService(rig.hosts.source);
    await ends(next, 'completed', 'target');
  });

  test('C7: it completes with its control plane renewed, then its agents, then its relay', bound, async () => {
    await startOldFleet();
    const id = await inTransfer();
    await renewed.control();
    await renewed.agent('target');
    await renewed.agent('source');
    await renewed.relay();
    await ends(id, 'completed', 'target');
  });

  test('C7: one of its agents that is asked to end undoes its transfer; the next one succeeds', bound, async () => {
    await startOldFleet();
    const id = await inTransfer();
    delete parts.target;
    await asService(rig.hosts.target);
    await ends(id, 'failed', 'source');
    await renewed.control();
    await ends(await rig.start(), 'completed', 'target');
  });
});

describe('a release that is too far off', () => {
  const spoken = 'controlProtocol = { min: 1, max: 2 }';
  const later = 'controlProtocol = { min: 3, max: 4 }';

  test(
    'C7: an agent that is too old is refused, and so is one that is too new, each with the command that helps',
    bound,
    async () => {
      parts = { source: old.agent };
      rig = await startFlowRig({ parts });
      await rig.stopControl();
      expect(old.control.script).toContain(spoken);
      parts.control = { ...old.control, script: old.control.script.replace(spoken, later) };
      await rig.startControl();
      await told('source', 'update stackferry on this host, then run: stackferry agent');
      expect(await rig.runs('source')).toBe(true);

      await rig.stopControl();
      delete parts.control;
      await rig.startControl();
      parts.target = join(dir, 'later.js');
      await writeFile(parts.target, await laterAgent());
      await rig.hosts.target.stop();
      const online = rig.hosts.target.restart().catch(() => {});
      await told('target', 'update the control plane:');
      await rig.hosts.target.stop();
      delete parts.target;
      await rig.hosts.target.restart();
      await online;
    },
  );

  const told = (side: Side, sentence: string) =>
    until(async () => (await rig.log(side)).includes(sentence), `the ${side} to be told "${sentence}"`);

  async function laterAgent(): Promise<string> {
    const text = await readFile(old.agent, 'utf8');
    const range = /controlProtocol\s*=\s*\{\s*min:\s*1,\s*max:\s*2\s*\}/;
    expect(text).toMatch(range);
    return text.replace(range, later);
  }
});
