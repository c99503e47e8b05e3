import { describe, expect, test } from 'vitest';
import { carryProvenLanes, type ProvenLane } from '../../agent/commands/carry/carry-lanes.ts';
import type { CommandContext } from '../../agent/commands/runner/context.ts';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { createLog } from '../../node/log.ts';
import { limits } from '../../schema/limits.ts';
import { temporaryDirectory } from './temporary.ts';

const passing = { project: 'shop', role: 'source', peer: 'host_b' } as const;
const passed = { bytes: 10, sha256: 'ab' };
const atOnce = limits.agent.lanesAtOnceMax;

type ReadBack = (lane: string) => Promise<{ sha256: string; entries: number }>;
const readBack: ReadBack = async () => ({ sha256: 'cd', entries: 1 });

/** `manifest` of a lane's tree, which is a volume of its name. */
async function contextOf({ manifest = readBack, signal = AbortSignal.timeout(5_000) } = {}) {
  const ledger = await openMigrationLedger(await temporaryDirectory());
  const log = createLog(() => {}).of('mig_1');
  const engine = { manifest: ({ volume }: { volume: string }) => manifest(volume) };
  return { engine, ledger, log, signal, migrationId: 'mig_1', progress: () => {} } as unknown as CommandContext;
}

const lanesOf = (number: number, of: (lane: string) => Partial<ProvenLane>): ProvenLane[] =>
  Array.from({ length: number }, (_, index) => ({
    lane: `v${index}`,
    total: null,
    carry: async () => passed,
    tree: { volume: `v${index}` },
    contents: null,
    ...of(`v${index}`),
  }));

describe('the lanes of a migration', () => {
  test('go side by side, only so many at once, and are answered in their order', async () => {
    let now = 0;
    let most = 0;
    const all = Promise.withResolvers<void>();
    const lanes = lanesOf(atOnce + 2, () => ({
      carry: async () => {
        now += 1;
        most = Math.max(most, now);
        // Nobody is through before as many as may have begun.
        if (now === atOnce) all.resolve();
        await all.promise;
        now -= 1;
        return passed;
      },
    }));
    const proofs = await carryProvenLanes(passing, lanes, await contextOf());
    expect(most).toBe(atOnce);
    expect(proofs.map(({ lane }) => lane)).toEqual(lanes.map(({ lane }) => lane));
  });

  test('one is proven while another is still under way', async () => {
    const proven = Promise.withResolvers<void>();
    const manifest: ReadBack = (lane) => {
      if (lane === 'v0') proven.resolve();
      return readBack(lane);
    };
    const lanes = lanesOf(2, (lane) => (lane === 'v0' ? {} : { carry: () => proven.promise.then(() => passed) }));
    const context = await contextOf({ manifest });
    expect(await carryProvenLanes({ ...passing, role: 'target' }, lanes, context)).toHaveLength(2);
  });

  test('a source reads its data back while it sends them; a target once it has received all', async () => {
    const order: string[] = [];
    const lanes = lanesOf(1, () => ({
      carry: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push('carried');
        return passed;
      },
    }));
    const manifest: ReadBack = (lane) => {
      order.push('read');
      return readBack(lane);
    };
    await carryProvenLanes(passing, lanes, await contextOf({ manifest }));
    await carryProvenLanes({ ...passing, role: 'target' }, lanes, await contextOf({ manifest }));
    expect(order).toEqual(['read', 'carried', 'carried', 'read']);
  });

  test('a target reads its data back while they are synced, and again if the source packs them again', async () => {
    const order: string[] = [];
    const lanes = lanesOf(1, () => ({
      carry: async ({ onUnpacked, record }) => {
        onUnpacked?.();
        order.push('synced');
        await record(null);
        onUnpacked?.();
        order.push('synced again');
        return passed;
      },
    }));
    const manifest: ReadBack = async () => {
      order.push('read');
      return { sha256: `read after ${order.length}`, entries: 1 };
    };
    const proofs = await carryProvenLanes({ ...passing, role: 'target' }, lanes, await contextOf({ manifest }));
    expect(order).toEqual(['read', 'synced', 'read', 'synced again']);
    expect(proofs).toMatchObject([{ manifest_sha256: 'read after 3' }]);
  });

  test('one whose reading back fails is a failure, also where that comes first', async () => {
    const manifest = () => Promise.reject(new Error('unreadable'));
    await expect(
      carryProvenLanes(
        passing,
        lanesOf(1, () => ({})),
        await contextOf({ manifest }),
      ),
    ).rejects.toThrow('unreadable');
  });

  test('the first that fails ends the others, and is thrown once they have ended', async () => {
    const ended: string[] = [];
    const lanes = lanesOf(atOnce + 2, (lane) => ({
      carry: ({ signal }) =>
        lane === 'v1'
          ? Promise.reject(new Error('disk full'))
          : new Promise((_, reject) =>
              signal.addEventListener('abort', () => {
                ended.push(lane);
                reject(signal.reason);
              }),
            ),
    }));
    await expect(carryProvenLanes(passing, lanes, await contextOf())).rejects.toThrow('disk full');
    expect(ended.toSorted()).toEqual(['v0', 'v2'].slice(0, atOnce - 1));
  });

  test('what has passed is not carried again after a restart, only proven', async () => {
    const context = await contextOf();
    const failing = lanesOf(2, (lane) => (lane === 'v1' ? { carry: () => Promise.reject(new Error('cut')) } : {}));
    await expect(carryProvenLanes(passing, failing, context)).rejects.toThrow('cut');
    const carried: string[] = [];
    const lanes = lanesOf(2, (lane) => ({
      carry: async () => {
        carried.push(lane);
        return passed;
      },
    }));
    expect(await carryProvenLanes(passing, lanes, context)).toHaveLength(2);
    expect(carried).toEqual(['v1']);
  });
});
