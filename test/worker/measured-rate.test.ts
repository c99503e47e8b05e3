import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { measuredRate, measuredStopStart } from '../../worker/store/measured-rate.ts';
import { insertMigration } from './support/records.ts';

const mib = 1_048_576;

const moved = (bytes: number, seconds: number, source_host_id: string, target_host_id: string) =>
  insertMigration({
    stack_id: `stack_${crypto.randomUUID()}`,
    stack_name: 'shop',
    source_host_id,
    target_host_id,
    status: 'completed',
    saga: {
      steps: { transferring: { started_at: 0, ended_at: seconds * 1_000 } },
      results: {
        send_volumes: { proofs: [{ lane: 'v0', bytes, sha256: 'a', manifest_sha256: 'b', entries: 1 }], staged: null },
      },
    },
  });

it('the rate between two hosts is that of their newest large move, in either direction', async () => {
  const rate = () => measuredRate(env.DB, ['host_a', 'host_b']);
  expect(await rate()).toBeNull();
  await moved(1_000 * mib, 10, 'host_a', 'host_c');
  await moved(mib, 1, 'host_a', 'host_b');
  expect(await rate()).toBeNull();
  await moved(1_000 * mib, 10, 'host_a', 'host_b');
  expect(await rate()).toBe(100 * mib);
  await moved(600 * mib, 10, 'host_b', 'host_a');
  await moved(mib, 1, 'host_b', 'host_a');
  expect(await rate()).toBe(60 * mib);
});

it('the time to stop and start a stack is that of its latest move', async () => {
  const took = (stopping: number, deploying: number, verifying: number, status: 'completed' | 'failed') =>
    insertMigration({
      ...{ stack_id: 'stack_shop', stack_name: 'shop', source_host_id: 'host_a', target_host_id: 'host_b', status },
      saga: {
        steps: {
          stopping: { started_at: 0, ended_at: stopping },
          deploying: { started_at: 0, ended_at: deploying },
          verifying: { started_at: 0, ended_at: verifying },
        },
      },
    });
  const time = () => measuredStopStart(env.DB, 'stack_shop');
  expect(await time()).toBeNull();
  await took(90_000, 1_000, 1_000, 'failed');
  expect(await time()).toBeNull();
  await took(4_000, 2_500, 20_000, 'completed');
  expect(await time()).toBe(27);
});
