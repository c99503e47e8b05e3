import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { StackferryError } from '../../schema/errors.ts';
import { embeddedPair, moveData, type TestHost, wholeVolumes } from './embedded-pair.ts';
import { eventually } from './temporary.ts';

const project = { project: 'guestbook' };
const verify = { timeout_s: 10, settle_ms: 300 };

const statesOf = async ({ engine }: TestHost) =>
  Object.fromEntries((await engine.containers('guestbook')).map(({ service, state }) => [service, state]));
/** A process that was just started listens a moment later. */
const entriesAt = (port: number) =>
  eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    return response && ((await response.json()) as { entries: string[] }).entries;
  }, 'the guestbook to answer');

describe('commands, each of which may run again after a crash', () => {
  test('a whole move, every command given twice, ends as if given once', async () => {
    const pair = await embeddedPair();
    const { source, target, deployment, facts, items, port, toPrepare } = pair;
    expect(await entriesAt(port)).toEqual(['the first line']);

    const carried = {
      ...project,
      source_dir: facts.working_dir,
      volumes: items.map(({ volume }) => volume),
      binds: [],
      exclude: [],
    };
    const first = await source.perform('prepare_source', carried);
    expect(await source.perform('prepare_source', carried)).toEqual(first);
    const prepared = await target.perform('prepare_target', toPrepare);
    expect(await target.perform('prepare_target', toPrepare)).toEqual(prepared);

    const others = { ...project, expected: ['made-since'], early: null };
    await expect(source.perform('stop_stack', others)).rejects.toMatchObject({ code: 'stack_changed' });
    const stopped = await source.perform('stop_stack', { ...project, expected: [], early: null });
    expect(stopped.prior.find(({ service }) => service === 'web')).toMatchObject({
      running: true,
      restart_policy: { name: 'always' },
    });
    expect(stopped.prior.find(({ service }) => service === 'report')).toMatchObject({ running: false });
    expect(
      await source.perform('stop_stack', { ...project, expected: [], early: null }),
      'the prior state is that of before',
    ).toEqual(stopped);

    const moved = await moveData(pair);
    expect(moved.sent.proofs).toEqual(moved.received.proofs);
    expect(moved.sentProject).toEqual(moved.receivedProject);
    const again = await moveData(pair);
    expect(again, 'nothing waits for a peer that is done').toEqual(moved);

    const deployed = await target.perform('deploy', { deployment });
    expect(await target.perform('deploy', { deployment })).toEqual(deployed);
    const well = await target.perform('verify_health', { deployment, ...verify });
    expect(well.services).toContainEqual({ service: 'report', state: 'exited 0' });
    await target.perform('verify_health', { deployment, ...verify });
    expect((await target.engine.containers('guestbook')).map(({ restart_policy }) => restart_policy.name)).toEqual([
      'no',
      'no',
    ]);

    const armed = await target.perform('arm_target', { deployment });
    expect(armed.running, 'what runs is the answer').toHaveLength(1);
    expect(await target.perform('arm_target', { deployment })).toEqual(armed);
    await source.perform('retain_source', project);
    await source.perform('retain_source', project);
    const policies = (await target.engine.containers('guestbook')).map(({ service, restart_policy }) => [
      service,
      restart_policy.name,
    ]);
    expect(new Map(policies as [string, string][])).toEqual(
      new Map([
        ['web', 'always'],
        ['report', 'no'],
      ]),
    );
    expect(await statesOf(source)).toEqual({ web: 'exited', report: 'exited' });
    expect(await entriesAt(port)).toEqual(['the first line']);
    await expect(
      target.perform('cleanup_target', project),
      'the only running copy is not removed',
    ).rejects.toMatchObject({ code: 'ledger_ahead' });
  });

  test('the way back, every command given twice: target stopped, source as it was, nothing left on the target', async () => {
    const pair = await embeddedPair();
    const { source, target, deployment, port } = pair;
    const before = await source.engine.containers('guestbook');
    await moveData(pair);
    await target.perform('deploy', { deployment });

    await target.perform('stop_target', project);
    await target.perform('stop_target', project);
    expect(await statesOf(target)).toMatchObject({ web: 'exited' });
    await source.perform('restore_source', { ...project, deployment: null });
    const { running } = await source.perform('restore_source', { ...project, deployment: null });
    const after = await source.engine.containers('guestbook');
    expect(running).toEqual(after.filter(({ service }) => service === 'web').map(({ id }) => id));
    expect(after.map(({ id, restart_policy }) => [id, restart_policy])).toEqual(
      before.map(({ id, restart_policy }) => [id, restart_policy]),
    );
    expect(after.find(({ service }) => service === 'report')?.started_at, 'no job runs again').toBe(
      before.find(({ service }) => service === 'report')?.started_at,
    );

    const { removed, remaining } = await target.perform('cleanup_target', project);
    expect(remaining).toEqual([]);
    expect(removed).toHaveLength(6);
    expect((await target.perform('cleanup_target', project)).remaining).toEqual([]);
    expect(await target.engine.stacks()).toEqual([]);
    expect(existsSync(deployment.target_dir)).toBe(false);
    expect(await entriesAt(port)).toEqual(['the first line']);
  });

  test('lanes are dialled during the stop, and hung up if the stack is put back', async () => {
    const { source, target, toPrepare } = await embeddedPair();
    expect(await target.perform('prepare_target', toPrepare)).toMatchObject({ expects_source: true });
    const lanes = ['v0', 'project'];
    await source.perform('stop_stack', { ...project, expected: [], early: { peer: 't', lanes } });
    await target.perform('expect_source', { ...project, peer: 's', lanes });
    expect(source.early).toEqual(['source v0 t', 'source project t']);
    expect(target.early).toEqual(['target v0 s', 'target project s']);
    await source.perform('restore_source', { ...project, deployment: null });
    await target.perform('cleanup_target', project);
    expect([source.early, target.early]).toEqual([[], []]);
  });

  test('F26: a container that was started during the copy, even for a moment, spoils it', async () => {
    const pair = await embeddedPair();
    const { source, items } = pair;
    await source.perform('stop_stack', { ...project, expected: [], early: null });
    await upStack(source.root, 'guestbook');
    const send = () => source.perform('send_volumes', { ...project, peer: 't', items, ...wholeVolumes });
    await expect(send()).rejects.toMatchObject({ code: 'stack_running', message: expect.stringContaining('web') });
    await source.engine.stop(
      (await source.engine.containers('guestbook')).map(({ id }) => id),
      AbortSignal.timeout(5_000),
    );
    await expect(send(), 'it has written since').rejects.toMatchObject({ code: 'stack_running' });
  });

  test('without leave of the control plane nothing is started on the target', async () => {
    const pair = await embeddedPair();
    await moveData(pair);
    pair.target.leave = false;
    await expect(pair.target.perform('deploy', { deployment: pair.deployment })).rejects.toMatchObject({
      code: 'lease_expired',
    });
    expect(await pair.target.engine.containers('guestbook')).toEqual([]);
  });

  test('F30: a volume that came to the target meanwhile is neither used nor removed', async () => {
    const { target, facts, toPrepare } = await embeddedPair();
    await target.engine.createVolume({ ...facts.volumes[0]!, labels: {} }, 'another-migration');
    await expect(target.perform('prepare_target', toPrepare)).rejects.toMatchObject({
      code: 'resource_taken',
    });
    await target.perform('cleanup_target', project);
    const check = await target.engine.checkTarget(facts, { bindPlaces: [], source: null }, AbortSignal.timeout(5_000));
    expect(check.volumes_taken).toEqual([{ name: facts.volumes[0]!.name, migration_id: 'another-migration' }]);
  });

  test('R5: nothing is unpacked into a directory that this host refused before', async () => {
    const { target, toPrepare } = await embeddedPair();
    target.engine.createDirectory = async () => {
      throw new StackferryError('policy_refused', 'it belongs to the host');
    };
    const asked = { ...toPrepare, binds: ['/etc/cron.d'] };
    await expect(target.perform('prepare_target', asked)).rejects.toMatchObject({ code: 'policy_refused' });
    const carried = { ...project, peer: 'source', changes: false, contents: false, content_digest: 'sha256' as const };
    await expect(
      target.perform('receive_volumes', {
        ...carried,
        staged_dir: null,
        items: [{ lane: 'v0', volume: '/etc/cron.d' }],
      }),
    ).rejects.toMatchObject({ code: 'resource_taken' });
  });

  test('R5: no directory leaves that the stack does not mount', async () => {
    const { source, facts } = await embeddedPair();
    const asked = { ...project, source_dir: facts.working_dir, volumes: [], binds: ['/root'], exclude: [] };
    await expect(source.perform('prepare_source', asked)).rejects.toThrow('no bind mounts');
  });

  test('F47: another stack of that project name on the target is not touched, not even by stop and clean-up', async () => {
    const pair = await embeddedPair();
    const { target, deployment } = pair;
    const { seedSampleStack } = await import('../../agent/engine/embedded/sample-stack.ts');
    await seedSampleStack(target.root, 'guestbook', { bytes: 0, port: pair.port + 1 });
    await expect(moveData(pair)).rejects.toMatchObject({ code: 'resource_taken' });
    await expect(target.perform('deploy', { deployment })).rejects.toMatchObject({ code: 'resource_taken' });
    await target.perform('stop_target', project);
    await target.perform('cleanup_target', project);
    expect(await statesOf(target)).toMatchObject({ web: 'running' });
    expect(existsSync(deployment.target_dir)).toBe(true);
  });

  test('a host that has no part in a migration does nothing, and says so', async () => {
    const { target, source } = await embeddedPair();
    expect(await target.perform('cleanup_target', project)).toEqual({ removed: [], remaining: [], left_out: [] });
    expect(await target.perform('stop_target', project)).toEqual({});
    const { running } = await source.perform('restore_source', { ...project, deployment: null });
    expect(running).toHaveLength(1);
  });

  test('a payload that does not fit its kind is refused before anything is done', async () => {
    const { source } = await embeddedPair();
    await expect(source.perform('stop_stack', {} as never)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await statesOf(source)).toMatchObject({ web: 'running' });
  });
});
