import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { until } from '../../cli/local/fleet.ts';
import type { Deployment } from '../../schema/deployment.ts';
import { embeddedPair, moveData, type TestHost } from './embedded-pair.ts';

const project = { project: 'guestbook' };
const verify = { timeout_s: 10, settle_ms: 300 };

/** The guestbook is stopped at home, and its data is on the target. */
async function stoppedPair() {
  const pair = await embeddedPair();
  const before = await stateOf(pair.source);
  await moveData(pair);
  const home: Deployment = { ...pair.deployment, target_dir: pair.deployment.source_dir };
  return { ...pair, before, home, restore: { ...project, deployment: home } };
}

const stateOf = async ({ engine }: TestHost) =>
  (await engine.containers('guestbook'))
    .filter(({ service }) => service === 'web')
    .map(({ name, state, restart_policy }) => ({ name, state, policy: restart_policy.name }));

/** As `docker container prune` does: whatever does not run. */
async function prune({ root, engine }: TestHost): Promise<void> {
  for (const { id, state } of await engine.containers('guestbook'))
    if (state !== 'running') await rm(join(root, 'containers', `${id}.json`));
}

describe('containers of the stopped source are pruned', () => {
  test('P9 R25: while its data is copied: the way back makes them again, with their restart policies', async () => {
    const { source, before, restore } = await stoppedPair();
    await prune(source);
    expect(await stateOf(source)).toEqual([]);
    const { running } = await source.perform('restore_source', restore);
    expect(running).toHaveLength(1);
    expect(await stateOf(source)).toEqual(before);
    expect(await source.perform('restore_source', restore)).toEqual({ running });
  });

  test('P9 R25: and brought up again by hand: those are the stack, and they get their restart policies', async () => {
    const { source, before, restore } = await stoppedPair();
    await prune(source);
    await upStack(source.root, 'guestbook');
    const byHand = (await source.engine.containers('guestbook')).find(({ service }) => service === 'web');
    const { running } = await source.perform('restore_source', restore);
    expect(running).toContain(byHand?.id);
    expect(await stateOf(source)).toEqual(before);
  });

  test('P9: without the project’s files the way back says what is gone', async () => {
    const { source, home, restore } = await stoppedPair();
    await prune(source);
    await rm(home.source_dir, { recursive: true });
    await expect(source.perform('restore_source', restore)).rejects.toMatchObject({ code: 'compose_failed' });
  });

  test('R26: inside the safety window: a rollback makes them again, and a failed one does so on the target', async () => {
    const { source, target, deployment, home, before } = await stoppedPair();
    await target.perform('deploy', { deployment });
    await target.perform('verify_health', { deployment, ...verify });
    await target.perform('arm_target', { deployment });
    await source.perform('retain_source', project);
    const there = await stateOf(target);
    await target.perform('halt_target', project);
    await prune(source);
    await source.perform('revive_source', { deployment: home });
    await source.perform('verify_source', { deployment: home, ...verify });
    await source.perform('stop_source', project);
    await prune(target);
    await target.perform('resume_target', project);
    expect(await stateOf(target)).toEqual(there);
    await target.perform('halt_target', project);
    await prune(source);
    await source.perform('revive_source', { deployment: home });
    await source.perform('verify_source', { deployment: home, ...verify });
    await source.perform('arm_source', { deployment: home });
    expect(await stateOf(source)).toEqual(before);
  });

  test('R26: a rollback is refused before anything stops where a file of the kept copy is gone', async () => {
    const { source, home, items } = await stoppedPair();
    await rm(join(home.source_dir, 'compose.json'));
    const volumes = items.map(({ volume }) => volume);
    await expect(source.perform('check_retained', { deployment: home, volumes, binds: [] })).rejects.toMatchObject({
      code: 'stack_not_found',
      message: expect.stringContaining('compose.json'),
    });
  });

  test('P9: the volumes are pruned too: neither side starts on the empty ones that Compose would create', async () => {
    const { source, target, deployment, items, restore } = await stoppedPair();
    await prune(source);
    for (const { root } of [source, target])
      for (const { volume } of items) await rm(join(root, 'volumes', volume), { recursive: true });
    const gone = { code: 'stack_not_found', message: expect.stringContaining(`volume ${items[0]?.volume}`) };
    await expect(source.perform('restore_source', restore)).rejects.toMatchObject(gone);
    await expect(target.perform('deploy', { deployment })).rejects.toMatchObject(gone);
    expect(await stateOf(source)).toEqual([]);
    expect(await stateOf(target)).toEqual([]);
  });

  test('P9: a volume is pruned after the check and recreated with the containers: they are not started on it', async () => {
    const { target, deployment, items } = await stoppedPair();
    const [{ volume = '' } = {}] = items;
    const { createStack } = target.engine;
    target.engine.createStack = async (...given) => {
      await rm(join(target.root, 'volumes', volume), { recursive: true });
      await createStack(...given);
    };
    await expect(target.perform('deploy', { deployment })).rejects.toMatchObject({
      code: 'stack_not_found',
      message: expect.stringContaining(`volume ${volume}`),
    });
    expect(await stateOf(target)).toMatchObject([{ state: 'created' }]);
  });

  test('P9: a volume that no container uses is pruned while health is verified: the stack is not proven', async () => {
    const { target, deployment, items } = await stoppedPair();
    await target.perform('deploy', { deployment });
    const jobs = async () => (await target.engine.containers('guestbook')).filter(({ service }) => service !== 'web');
    await until(async () => (await jobs()).every(({ state }) => state === 'exited'), 'the job to end');
    for (const { volume } of items) await rm(join(target.root, 'volumes', volume), { recursive: true });
    await expect(target.perform('verify_health', { deployment, ...verify })).rejects.toMatchObject({
      code: 'stack_not_found',
    });
  });

  test('P9: containers of the new home are gone before they are armed: they are made again', async () => {
    const { target, deployment } = await stoppedPair();
    await target.perform('deploy', { deployment });
    await target.perform('verify_health', { deployment, ...verify });
    await target.engine.stop(
      (await target.engine.containers('guestbook')).map(({ id }) => id),
      AbortSignal.timeout(10_000),
    );
    await prune(target);
    const { running } = await target.perform('arm_target', { deployment });
    expect(running).toHaveLength(1);
    expect(await stateOf(target)).toMatchObject([{ state: 'running', policy: expect.not.stringMatching('^no$') }]);
  });
});
