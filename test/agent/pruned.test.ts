import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import type { Deployment } from '../../schema/agent-protocol.ts';
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
    await expect(source.perform('check_retained', { deployment: home, volumes })).rejects.toMatchObject({
      code: 'stack_not_found',
      message: expect.stringContaining('compose.json'),
    });
  });
});
