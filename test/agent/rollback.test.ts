import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assertNotKeptCopy } from '../../agent/commands/prepare/kept-copy.ts';
import { upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import type { Engine } from '../../agent/engine/engine.ts';
import { mountPoints } from '../../agent/mounts.ts';
import { isLeased } from '../../agent/tenancy.ts';
import type { Deployment } from '../../schema/deployment.ts';
import { embeddedPair, moveData, type TestHost } from './embedded-pair.ts';
import { eventually } from './temporary.ts';

const project = { project: 'guestbook' };
const verify = { timeout_s: 10, settle_ms: 300 };

/** The guestbook has moved and lives on the target; the source keeps its copy. */
async function movedPair() {
  const pair = await embeddedPair();
  const { source, target, deployment, items, port } = pair;
  const before = await policiesOf(source.engine);
  await moveData(pair);
  await target.perform('deploy', { deployment });
  await target.perform('verify_health', { deployment, ...verify });
  await target.perform('arm_target', { deployment });
  await source.perform('retain_source', project);
  const home: Deployment = { ...deployment, target_dir: deployment.source_dir };
  const volumes = items.map(({ volume }) => volume);
  const post = (line: string) => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: line });
  return {
    ...pair,
    before,
    home,
    volumes,
    post,
    purge: (copy_ran = false) => source.perform('purge_source', { deployment: home, volumes, binds: [], copy_ran }),
  };
}

const policiesOf = async (engine: Engine) =>
  (await engine.containers('guestbook')).map(({ id, restart_policy }) => [id, restart_policy.name]).sort();
const statesOf = async ({ engine }: TestHost) =>
  Object.fromEntries((await engine.containers('guestbook')).map(({ service, state }) => [service, state]));
const entriesAt = (port: number) =>
  eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    return response && ((await response.json()) as { entries: string[] }).entries;
  }, 'the guestbook to answer');

describe('a rollback, every command given twice', () => {
  test('the same containers run at home again with their data and policies; what is new stays on the target', async () => {
    const { source, target, home, volumes, port, post, before } = await movedPair();
    await eventually(async () => (await post('written on the target').catch(() => null))?.ok, 'the target to answer');
    for (let twice = 0; twice < 2; twice++)
      await source.perform('check_retained', { deployment: home, volumes, binds: [] });
    const halted = await target.perform('halt_target', project);
    expect(await target.perform('halt_target', project), 'the prior state is that of before').toEqual(halted);
    for (let twice = 0; twice < 2; twice++) await source.perform('revive_source', { deployment: home });
    expect((await policiesOf(source.engine)).map(([, name]) => name)).toEqual(['no', 'no']);
    for (let twice = 0; twice < 2; twice++) await source.perform('verify_source', { deployment: home, ...verify });
    for (let twice = 0; twice < 2; twice++) await source.perform('arm_source', { deployment: home });
    expect(await policiesOf(source.engine)).toEqual(before);
    expect(await entriesAt(port)).toEqual(['the first line']);
    expect(await statesOf(target)).toMatchObject({ web: 'exited' });

    await expect(target.perform('cleanup_target', project)).rejects.toMatchObject({ code: 'ledger_ahead' });
    const { remaining } = await target.perform('purge_target', { ...project, copy_ran: false });
    expect(remaining).toEqual([]);
    expect((await target.perform('purge_target', { ...project, copy_ran: false })).remaining).toEqual([]);
    expect(await target.engine.stacks()).toEqual([]);
    expect(await entriesAt(port)).toEqual(['the first line']);
  });

  test('that fails stops the source and puts the target back, and can be tried again', async () => {
    const { source, target, home, port } = await movedPair();
    const policies = await policiesOf(target.engine);
    for (let round = 0; round < 2; round++) {
      await target.perform('halt_target', project);
      await source.perform('revive_source', { deployment: home });
      for (let twice = 0; twice < 2; twice++) await source.perform('stop_source', project);
      expect(await statesOf(source)).toMatchObject({ web: 'exited' });
      for (let twice = 0; twice < 2; twice++) await target.perform('resume_target', project);
      expect(await policiesOf(target.engine)).toEqual(policies);
      await source.perform('retain_source', project);
    }
    expect(await entriesAt(port)).toEqual(['the first line']);
  });

  test('F43 that fails while the source is away: what it started is stopped when it hears of it, and is purged as ever', async () => {
    const { source, target, home, port, purge } = await movedPair();
    await target.perform('halt_target', project);
    await source.perform('revive_source', { deployment: home });
    await source.perform('retain_source', project);
    expect(await statesOf(source)).toMatchObject({ web: 'exited' });
    await target.perform('resume_target', project);
    expect((await purge()).remaining).toEqual([]);
    expect(await source.engine.stacks()).toEqual([]);
    expect(await entriesAt(port)).toEqual(['the first line']);
  });

  test('F45 a purge knows who ran on the kept copy before a rollback that failed at once', async () => {
    const { source, target, home, volumes, purge } = await movedPair();
    await source.ledger.amend('m1', (entry) => {
      entry.stopped = Object.fromEntries(Object.keys(entry.stopped ?? {}).map((id) => [id, 'an earlier start']));
    });
    await target.perform('halt_target', project);
    source.leave = false;
    await expect(source.perform('revive_source', { deployment: home })).rejects.toMatchObject({
      code: 'lease_expired',
    });
    await source.perform('stop_source', project);
    await target.perform('resume_target', project);
    await source.perform('retain_source', project);
    const { remaining } = await purge();
    expect(remaining).toEqual(
      volumes.map((name) => ({ what: `volume ${name}`, why: expect.stringContaining('ran on it after the move') })),
    );
  });

  test.each([
    ['the control plane saw the kept copy run', true, 0, 'seen running after the move'],
    ['the clock was set back since the stop', false, 3_600_000, 'clock was set back'],
  ])('F45 where %s, a purge keeps its volumes', async (_, copySeen, aheadMs, why) => {
    const { source, volumes, purge } = await movedPair();
    await source.ledger.amend(source.ledger.all()[0]!.migration_id, (entry) => {
      entry.stopped_at_ms = Date.now() + aheadMs;
    });
    const { remaining } = await purge(copySeen);
    expect(remaining).toEqual(volumes.map((name) => ({ what: `volume ${name}`, why: expect.stringContaining(why) })));
    expect(await source.engine.missing({ volumes, paths: [] })).toEqual([]);
  });

  test('C8 a kept copy is not taken for the stack, unless somebody started it', async () => {
    const { target } = await movedPair();
    await target.perform('halt_target', project);
    const next = { engine: target.engine, ledger: target.ledger, migrationId: 'm2' };
    await expect(assertNotKeptCopy('guestbook', next)).rejects.toMatchObject({
      code: 'stack_not_found',
      message: expect.stringContaining('start it first'),
    });
    await upStack(target.root, 'guestbook');
    await expect(assertNotKeptCopy('guestbook', next)).resolves.toBeUndefined();
  });

  test('C8 a kept copy is not taken for the stack where a later move back to it has failed', async () => {
    const { source } = await movedPair();
    await source.ledger.update({ migration_id: 'm2', project: 'guestbook', role: 'target' }, () => {});
    const next = { engine: source.engine, ledger: source.ledger, migrationId: 'm3' };
    await expect(assertNotKeptCopy('guestbook', next)).rejects.toThrow('only its stopped copy');
  });

  test('C8 a target that cannot be put back still counts as halted', async () => {
    const { source, target } = await movedPair();
    await target.perform('halt_target', project);
    await rm(join(target.root, 'volumes'), { recursive: true });
    await expect(target.perform('resume_target', project)).rejects.toThrow();
    expect(await target.perform('tell_target', {})).toEqual({ phase: 'halted', running: true });
    expect(await source.perform('tell_source', {})).toEqual({ phase: 'retained' });
  });

  test('F43 a home is recorded only once the stop of its lapsed lease is over', async () => {
    const { source, target, home } = await movedPair();
    await target.perform('halt_target', project);
    await source.perform('revive_source', { deployment: home });
    const ranAtRecord: string[][] = [];
    const { amend } = source.ledger;
    source.ledger.amend = async (migrationId, change) => {
      await amend(migrationId, change);
      const entry = source.ledger.find(migrationId);
      if (entry && !isLeased(entry)) ranAtRecord.push(Object.values(await statesOf(source)));
    };
    const stopping = source.giveUp();
    await source.perform('arm_source', { deployment: home });
    await stopping;
    expect(ranAtRecord[0]).not.toContain('running');
    expect(await statesOf(source)).toMatchObject({ web: 'running' });
  });

  test('F43 the revived source runs under a lease: without leave nothing starts', async () => {
    const { source, target, home } = await movedPair();
    await target.perform('halt_target', project);
    source.leave = false;
    await expect(source.perform('revive_source', { deployment: home })).rejects.toMatchObject({
      code: 'lease_expired',
    });
    expect(await statesOf(source)).toMatchObject({ web: 'exited' });
  });

  test('F45 is refused before anything stops where someone started the kept copy', async () => {
    const { source, target, home, volumes } = await movedPair();
    await target.engine.stop(
      (await target.engine.containers('guestbook')).map(({ id }) => id),
      AbortSignal.timeout(5_000),
    );
    await upStack(source.root, 'guestbook');
    const check = () => source.perform('check_retained', { deployment: home, volumes, binds: [] });
    await expect(check()).rejects.toMatchObject({ code: 'stack_running' });
  });

  test('is refused before anything stops where a volume is gone', async () => {
    const { source, home, volumes } = await movedPair();
    const gone = [...volumes, 'guestbook_lost'];
    await expect(
      source.perform('check_retained', { deployment: home, volumes: gone, binds: [] }),
    ).rejects.toMatchObject({
      code: 'stack_not_found',
      message: expect.stringContaining('guestbook_lost'),
    });
  });
});

describe('a purge of the source', () => {
  test('R5 that a container stood in the way of compares again before it deletes', async () => {
    const { source, deployment, purge } = await movedPair();
    source.engine.mountersOf = async () => ['plex'];
    expect((await purge()).remaining).toEqual([{ what: deployment.source_dir, why: 'container plex mounts it' }]);
    await writeFile(join(deployment.source_dir, 'new'), 'never moved');
    source.engine.mountersOf = async () => [];
    expect((await purge()).remaining).toMatchObject([
      { what: deployment.source_dir, why: expect.stringContaining('no longer what was moved') },
    ]);
  });

  test('removes its containers, networks, volumes and files, twice the same, and nothing of the target', async () => {
    const { source, deployment, port, purge } = await movedPair();
    expect((await purge()).remaining).toEqual([]);
    expect((await purge()).remaining).toEqual([]);
    expect(await source.engine.stacks()).toEqual([]);
    expect(existsSync(deployment.source_dir)).toBe(false);
    expect(await entriesAt(port)).toEqual(['the first line']);
  });

  test('leaves a project directory that is no longer what was moved, and names it', async () => {
    const { source, deployment, purge } = await movedPair();
    await writeFile(join(deployment.source_dir, 'notes.txt'), 'mine');
    const { remaining } = await purge();
    expect(remaining).toEqual([
      { what: deployment.source_dir, why: expect.stringContaining('no longer what was moved') },
    ]);
    expect(existsSync(join(deployment.source_dir, 'notes.txt'))).toBe(true);
    expect(await source.engine.containers('guestbook')).toEqual([]);
  });

  test('deletes nothing while the kept copy runs, or another stack of its name is there', async () => {
    const { source, target, purge } = await movedPair();
    await target.engine.stop(
      (await target.engine.containers('guestbook')).map(({ id }) => id),
      AbortSignal.timeout(5_000),
    );
    await upStack(source.root, 'guestbook');
    await expect(purge()).rejects.toMatchObject({ code: 'stack_running' });
    expect(await statesOf(source)).toMatchObject({ web: 'running' });
  });

  test('F45 keeps and names what was written since, also when the containers that tell of it are gone', async () => {
    const { source, volumes, purge } = await movedPair();
    await upStack(source.root, 'guestbook');
    await source.engine.stop(
      (await source.engine.containers('guestbook')).map(({ id }) => id),
      AbortSignal.timeout(10_000),
    );
    for (let twice = 0; twice < 2; twice++) {
      const { remaining } = await purge();
      expect(remaining).toContainEqual({ what: `volume ${volumes[0]}`, why: expect.stringContaining('ran on it') });
    }
    expect(await source.engine.missing({ volumes, paths: [] })).toEqual([]);
  });
});

test('mount points are read with their escapes', () => {
  const table = '36 35 98:0 /mnt1 /srv/with\\040blank rw - ext3 /dev/root rw\n37 35 0:5 / /proc rw - proc proc rw\n';
  expect(mountPoints(table)).toEqual(['/srv/with blank', '/proc']);
});
