import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBlocks, emptyMap, resized } from '../../agent/precopy/block-map.ts';
import { limits } from '../../schema/limits.ts';

const { blockBytes } = limits.warm;

/** A target that applies what is sent to it, as `patched-files.ts` does. */
function target() {
  let held = Buffer.alloc(0);
  let sent = 0;
  return {
    resize: (size: number) => {
      const next = Buffer.alloc(size);
      held.copy(next, 0, 0, Math.min(size, held.length));
      held = next;
    },
    write: (offset: number, data: Buffer) => {
      data.copy(held, offset);
      sent += data.length;
    },
    held: () => held,
    sent: () => sent,
  };
}

/**
 * Contents in runs of quarter blocks, up to some units of blocks, so that edges fall inside blocks and units; few values,
 * zero among them.
 */
const contents = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom(1, 2, 5, 64, 96)), { maxLength: 6 })
  .map((runs) => Buffer.concat(runs.map(([value, quarters]) => Buffer.alloc((quarters * blockBytes) / 4, value))));

describe('the digests of a file’s blocks', () => {
  it('bring a target to each state of the file, whatever came before, grown, cut, or with holes', () => {
    fc.assert(
      fc.property(fc.array(contents, { minLength: 1, maxLength: 6 }), (states) => {
        const there = target();
        let map = emptyMap();
        for (const state of states) {
          map = resized(map, state.length);
          there.resize(state.length);
          compareBlocks(map, 0, state, there.write);
          expect(there.held().equals(state)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('send only what changed, in runs', () => {
    const before = Buffer.alloc(10 * blockBytes, 1);
    const map = resized(emptyMap(), before.length);
    compareBlocks(map, 0, before, () => {});
    const after = Buffer.from(before);
    after[3 * blockBytes] = 9;
    after[4 * blockBytes + 5] = 9;
    after[9 * blockBytes] = 9;
    const runs: [number, number][] = [];
    compareBlocks(map, 0, after, (offset, data) => runs.push([offset / blockBytes, data.length / blockBytes]));
    expect(runs).toEqual([
      [3, 2],
      [9, 1],
    ]);
  });

  it('send no zeros to where nothing was, and zeros to where something was', () => {
    const there = target();
    const map = resized(emptyMap(), 4 * blockBytes);
    there.resize(4 * blockBytes);
    compareBlocks(map, 0, Buffer.alloc(4 * blockBytes), there.write);
    expect(there.sent()).toBe(0);
    compareBlocks(map, 0, Buffer.alloc(4 * blockBytes, 1), there.write);
    compareBlocks(map, 0, Buffer.alloc(4 * blockBytes), there.write);
    expect(there.sent()).toBe(8 * blockBytes);
  });

  it('send the end of a unit again that was cut off and came back', () => {
    const there = target();
    const data = Buffer.alloc(limits.warm.blockUnitBytes + 4 * blockBytes, 1);
    const map = resized(emptyMap(), data.length);
    compareBlocks(map, 0, data, () => {});
    const cut = resized(map, data.length - 2 * blockBytes);
    there.resize(data.length);
    compareBlocks(resized(cut, data.length), 0, data, there.write);
    expect(there.sent()).toBe(2 * blockBytes);
  });
});
