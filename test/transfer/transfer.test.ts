import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { collectingSink, digestOf, type LaneRig, startLaneRig, tarLike, tarOf } from './lane-rig.ts';

const mib = 1_048_576;
let rig: LaneRig;
beforeEach(async () => {
  rig = await startLaneRig();
});
afterEach(() => rig.close());

describe('an item that nothing disturbs', () => {
  test.each([0, 1, 1000, mib - 1, mib, mib + 1, 9 * mib + 12_345])(
    'arrives whole and is proven, with %i bytes before its end mark',
    async (size) => {
      const bytes = tarLike(size + 10_240);
      const sink = collectingSink();
      const [sent, received] = await Promise.all([rig.send(tarOf(bytes)), rig.receive(sink)]);
      expect(sent).toEqual({ bytes: bytes.length, sha256: digestOf(bytes) });
      expect(received).toEqual(sent);
      expect(sink.bytes().equals(bytes)).toBe(true);
    },
  );

  test('an empty tar is proven as such', async () => {
    const sink = collectingSink();
    const [sent, received] = await Promise.all([rig.send(tarOf(Buffer.alloc(0))), rig.receive(sink)]);
    expect(sent).toEqual({ bytes: 0, sha256: digestOf(Buffer.alloc(0)) });
    expect(received).toEqual(sent);
  });

  test('a slow unpacker holds the source back, and gets every byte in order', async () => {
    const bytes = tarLike(24 * mib);
    const sink = collectingSink({ onWrite: () => new Promise((resolve) => setTimeout(resolve, 10)) });
    const [sent] = await Promise.all([rig.send(tarOf(bytes)), rig.receive(sink)]);
    expect(sent.sha256).toBe(digestOf(bytes));
    expect(sink.bytes().equals(bytes)).toBe(true);
  });

  test('compressible data behind a slow network is sent in fewer bytes', async () => {
    const bytes = Buffer.concat([
      Buffer.from('all work and no play makes a dull volume '.repeat(700_000)),
      Buffer.alloc(10_240),
    ]);
    const sink = collectingSink({ onWrite: () => new Promise((resolve) => setTimeout(resolve, 10)) });
    const [sent] = await Promise.all([rig.send(tarOf(bytes)), rig.receive(sink)]);
    expect(sent.sha256).toBe(digestOf(bytes));
    expect(sink.bytes().equals(bytes)).toBe(true);
    expect(rig.tap.bytes()).toBeLessThan(bytes.length / 1.2);
  });

  test('progress on both sides grows to the size of the tar', async () => {
    const bytes = tarLike(5 * mib);
    const seen: Record<string, number[]> = { source: [], target: [] };
    await Promise.all([
      rig.send(tarOf(bytes), { onProgress: (count) => seen.source!.push(count) }),
      rig.receive(collectingSink(), { onProgress: (count) => seen.target!.push(count) }),
    ]);
    for (const counts of Object.values(seen)) {
      expect(counts.at(-1)).toBe(bytes.length);
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
    }
  });

  test('several lanes at once each arrive', async () => {
    const rigs = await Promise.all([startLaneRig(), startLaneRig()]);
    await Promise.all(
      rigs.map(async (other) => {
        const bytes = tarLike(3 * mib);
        const sink = collectingSink();
        await Promise.all([other.send(tarOf(bytes)), other.receive(sink)]);
        expect(sink.bytes().equals(bytes)).toBe(true);
        await other.close();
      }),
    );
  });
});
