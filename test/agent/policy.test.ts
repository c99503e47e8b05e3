import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { StackferryError } from '../../schema/errors.ts';
import { embeddedPair, moveData } from './embedded-pair.ts';

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

test('a control plane in wrong hands gets no directory but that of a stack', async () => {
  const { source, deployment } = await embeddedPair();
  await source.perform('stop_stack', { project: 'guestbook' });
  for (const source_dir of ['/etc', `${deployment.source_dir}/..`, source.root])
    await expect(
      source.perform('send_project', { project: 'guestbook', peer: 't', source_dir, changes: null }),
    ).rejects.toMatchObject({ code: 'policy_refused' });
});
