import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Deployment } from '../../schema/deployment.ts';
import { StackferryError } from '../../schema/errors.ts';
import { type EmbeddedPair, embeddedPair, moveData } from './embedded-pair.ts';

test('B38 what the target’s own policy refuses is not deployed, whatever the control plane says', async () => {
  const pair = await embeddedPair();
  const { target, deployment } = pair;
  await moveData(pair);
  target.engine.assertAllowed = async () => {
    throw new StackferryError('policy_refused', 'not here');
  };
  await expect(target.perform('deploy', { deployment })).rejects.toMatchObject({ code: 'policy_refused' });
  expect(await target.engine.containers('guestbook')).toEqual([]);
  const { remaining } = await target.perform('cleanup_target', { project: 'guestbook' });
  expect(remaining).toEqual([]);
  expect(existsSync(deployment.target_dir)).toBe(false);
});

test('a control plane in wrong hands mounts no volume that the migration did not make', async () => {
  const pair = await embeddedPair();
  const { target, deployment } = pair;
  await moveData(pair);
  const anonymous = [{ service: 'app', number: 1, target: '/state', volume: 'shop_db' }];
  await expect(target.perform('deploy', { deployment: { ...deployment, anonymous } })).rejects.toMatchObject({
    code: 'policy_refused',
    message: expect.stringContaining('shop_db'),
  });
  expect(await target.engine.containers('guestbook')).toEqual([]);
});

test('a control plane in wrong hands gets no directory but that of a stack', async () => {
  const { source, deployment } = await embeddedPair();
  await source.perform('stop_stack', { project: 'guestbook', expected: [], early: null });
  for (const source_dir of ['/etc', `${deployment.source_dir}/..`, source.root])
    await expect(
      source.perform('send_project', { project: 'guestbook', peer: 't', source_dir, changes: null }),
    ).rejects.toMatchObject({ code: 'policy_refused' });
});

describe('R16 the target judges by the source that proved itself', () => {
  const refused = new StackferryError('policy_refused', 'not here');

  /** A target that lets in the guestbook from `allowed.from` alone. */
  async function ownedPair() {
    const pair = await embeddedPair();
    const allowed = { from: 's' as string | null };
    const judge = async ({ project }: Deployment, source: string | null) => {
      if (project !== 'guestbook' || source === null || source !== allowed.from) throw refused;
    };
    pair.target.engine.assertAllowed = async (deployment, source) => {
      await judge(deployment, source);
      return { plain: true };
    };
    pair.target.engine.assertCreatedAllowed = judge;
    return { ...pair, allowed };
  }

  const undone = async ({ target, deployment }: EmbeddedPair) => {
    expect(await target.engine.containers('guestbook')).toEqual([]);
    await target.perform('stop_target', { project: 'guestbook' });
    await target.perform('cleanup_target', { project: 'guestbook' });
    expect(existsSync(deployment.target_dir)).toBe(false);
  };

  test('a stack that is allowed from there starts', async () => {
    const pair = await ownedPair();
    await moveData(pair);
    const { containers } = await pair.target.perform('deploy', { deployment: pair.deployment });
    expect(containers).not.toEqual([]);
  });

  test('a permission that is taken back before the stack arrives is refused on arrival, and the move undone', async () => {
    const pair = await ownedPair();
    await moveData(pair);
    pair.allowed.from = null;
    await expect(pair.target.perform('deploy', { deployment: pair.deployment })).rejects.toBe(refused);
    await undone(pair);
  });

  test('a control plane that calls another stack by its name gets nothing', async () => {
    const pair = await ownedPair();
    await moveData(pair);
    pair.allowed.from = 's';
    const ledger = pair.target.ledger;
    // As a source names it that was told to send this stack, while the target was told of another.
    await ledger.amend('m1', ({ lanes }) => {
      lanes.project = { ...lanes.project!, sent_by: { host: 's', project: 'blog' } };
    });
    await expect(pair.target.perform('deploy', { deployment: pair.deployment })).rejects.toBe(refused);
    await undone(pair);
  });

  test('staged containers are judged again before they start', async () => {
    const pair = await ownedPair();
    const { source, target, deployment, toPrepare, allowed } = pair;
    await target.perform('prepare_target', toPrepare);
    const { source_dir } = deployment;
    await Promise.all([
      source.perform('stage_source', { project: 'guestbook', peer: 't', source_dir }),
      target.perform('stage_target', { deployment, peer: 's' }),
    ]);
    allowed.from = null;
    await expect(target.perform('deploy', { deployment })).rejects.toBe(refused);
    expect((await target.engine.containers('guestbook')).filter(({ state }) => state === 'running')).toEqual([]);
  });

  test('a rollback needs no permission: the stack goes back to where it was', async () => {
    const pair = await ownedPair();
    const { source, target, deployment, allowed } = pair;
    source.engine.assertAllowed = source.engine.assertCreatedAllowed = async () => {
      throw refused;
    };
    await moveData(pair);
    await target.perform('deploy', { deployment });
    await target.perform('arm_target', { deployment });
    await source.perform('retain_source', { project: 'guestbook' });
    allowed.from = null;
    await target.perform('halt_target', { project: 'guestbook' });
    const home = { ...deployment, target_dir: deployment.source_dir };
    expect((await source.perform('revive_source', { deployment: home })).containers).not.toEqual([]);
    await source.perform('stop_source', { project: 'guestbook' });
    // Nor does the way back of a rollback that failed.
    expect((await target.perform('resume_target', { project: 'guestbook' })).running).not.toEqual([]);
  });
});
