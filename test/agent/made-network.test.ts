import { expect, test } from 'vitest';
import type { ExternalNetwork } from '../../schema/commands/parts.ts';
import { embeddedPair } from './embedded-pair.ts';

const edge: ExternalNetwork = {
  ...{ name: 'edge', driver: 'bridge', ipam_driver: 'default', options: {}, labels: {}, pools: [] },
  ...{ internal: false, attachable: false, ipv6: false },
};

/** `there`: another's network of that name is on the target. */
async function prepared(there: boolean) {
  const { target, toPrepare } = await embeddedPair();
  const recorded = () => target.ledger.all().flatMap(({ networks }) => networks);
  const removed: string[] = [];
  let before: string[] = [];
  target.engine.createNetwork = async () => {
    before = recorded();
    return !there;
  };
  target.engine.removeNetworks = async (names) => void removed.push(...names);
  await target.perform('prepare_target', { ...toPrepare, volumes: [], networks: [edge] });
  const after = recorded();
  await target.perform('cleanup_target', { project: 'guestbook' });
  return { before, after, removed, atLast: recorded() };
}

test('R6: an external network is recorded before it is made, and an undo removes it', async () => {
  expect(await prepared(false)).toEqual({ before: ['edge'], after: ['edge'], removed: ['edge'], atLast: [] });
});

test('R6: an undo does not remove a network that came to the target meanwhile', async () => {
  expect(await prepared(true)).toMatchObject({ after: [], removed: [] });
});

test('R6: an engine that makes no networks says so before anything stops', async () => {
  const { target, toPrepare } = await embeddedPair();
  const asked = { ...toPrepare, volumes: [], networks: [edge] };
  await expect(target.perform('prepare_target', asked)).rejects.toMatchObject({ code: 'command_failed' });
});
