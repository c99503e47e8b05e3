import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { headroomBytes, type Slot } from '../../agent/transfer/chunk-pool.ts';
import { createFrameReader, encodeAck, encodeControl, type Frame } from '../../agent/transfer/frame-codec.ts';
import { frameHeaderBytes, frameType, payloadBytesMax } from '../../schema/volume-stream.ts';
import { chunkFrame } from './raw-peer.ts';

/** What a frame says, without the memory it came in. */
type Said = { name: string; sequence?: number; data: string };

const control = fc
  .tuple(
    fc.constantFrom('hello', 'welcome', 'end', 'verified', 'rejected'),
    fc.dictionary(fc.string(), fc.string(), { maxKeys: 5 }),
  )
  .map(([name, message]) => ({
    bytes: encodeControl(name as 'hello', message),
    said: { name, data: Buffer.from(JSON.stringify(message)).toString('hex') } as Said,
  }));
const ack = fc.tuple(fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 0xffff_ffff })).map(([next, waiting]) => {
  const bytes = encodeAck(next, waiting);
  return { bytes, said: { name: 'ack', data: bytes.subarray(frameHeaderBytes).toString('hex') } as Said };
});
const bare = fc
  .constantFrom('alive', 'done')
  .map((name) => ({ bytes: encodeControl(name as 'alive'), said: { name, data: '' } as Said }));
const chunk = fc
  .tuple(fc.nat({ max: 0xffff_ffff }), fc.uint8Array({ minLength: 1, maxLength: 3000 }))
  .map(([sequence, data]) => ({
    bytes: chunkFrame(sequence, Buffer.from(data)),
    said: { name: 'chunk', sequence, data: Buffer.from(data).toString('hex') } as Said,
  }));
const frames = fc.array(fc.oneof(control, ack, bare, chunk), { maxLength: 20 });

/** Pushes bytes in pieces of the given sizes, in turn; gives back what was read. With `slotsMax`, slots are freed only when the reader waits for one. */
function readAll(bytes: Buffer, sizes: number[], slotsMax = Number.POSITIVE_INFINITY) {
  const said: Said[] = [];
  const out = new Set<Slot>();
  const reader = createFrameReader({
    takeSlot: () => {
      if (out.size >= slotsMax) return null;
      const slot = { buffer: Buffer.alloc(headroomBytes + 1_048_576) };
      out.add(slot);
      return slot;
    },
    freeSlot: (slot) => out.delete(slot),
    onFrame: (frame: Frame) => {
      if (frame.name !== 'chunk') said.push({ name: frame.name, data: frame.payload.toString('hex') });
      else {
        const { sequence, slot, dataBytes } = frame.chunk;
        said.push({
          name: 'chunk',
          sequence,
          data: slot.buffer.subarray(headroomBytes, headroomBytes + dataBytes).toString('hex'),
        });
      }
    },
  });
  let from = 0;
  for (let turn = 0; from < bytes.length; turn++) {
    const piece = bytes.subarray(from, from + sizes[turn % sizes.length]!);
    const taken = reader.push(piece);
    if (taken < piece.length) out.clear();
    from += taken;
  }
  return { said, atBoundary: reader.atBoundary(), reader, out };
}

const joined = (list: { bytes: Buffer }[]) => Buffer.concat(list.map(({ bytes }) => bytes));

describe('the frame codec', () => {
  test('reads what was written, whole', () => {
    fc.assert(
      fc.property(frames, (list) => {
        const bytes = joined(list);
        const { said, atBoundary } = readAll(bytes, [Math.max(1, bytes.length)]);
        expect(said).toEqual(list.map((frame) => frame.said));
        expect(atBoundary).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('reads the same however the bytes are split, down to one by one, and however few slots there are', () => {
    const sizes = fc.array(
      fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 25 }), fc.integer({ min: 26, max: 5000 })),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(frames, sizes, fc.integer({ min: 1, max: 3 }), (list, pieces, slotsMax) => {
        expect(readAll(joined(list), pieces, slotsMax).said).toEqual(list.map((frame) => frame.said));
      }),
      { numRuns: 60 },
    );
  });

  test('knows a stream that ends within a frame from one that ends between two', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (list, at) => {
        const bytes = joined(list);
        const cut = bytes.length === 0 ? 0 : at % (bytes.length + 1);
        const boundaries = new Set([0]);
        let end = 0;
        for (const frame of list) {
          end += frame.bytes.length;
          boundaries.add(end);
        }
        const { said, atBoundary, reader, out } = readAll(bytes.subarray(0, cut), [700]);
        expect(atBoundary).toBe(boundaries.has(cut));
        expect(list.map((frame) => frame.said).slice(0, said.length)).toEqual(said);
        // A half-read chunk's slot is given back.
        const chunks = said.filter(({ name }) => name === 'chunk').length;
        reader.close();
        expect(out.size).toBe(chunks);
      }),
      { numRuns: 60 },
    );
  });

  test('B29 never keeps more than a frame may hold, and throws only violations, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), frames, fc.nat(), (noise, list, at) => {
        const good = joined(list);
        const cut = at % (good.length + 1);
        const bytes = Buffer.concat([good.subarray(0, cut), noise, good.subarray(cut)]);
        try {
          readAll(bytes, [97]);
        } catch (error) {
          expect(error).toMatchObject({ code: 'transfer_protocol' });
        }
      }),
      { numRuns: 150 },
    );
  });

  test('B29 a frame longer than its type allows is refused at its header, before any of it is awaited', () => {
    for (const type of Object.values(frameType)) {
      const header = Buffer.alloc(5);
      header.writeUInt8(type, 0);
      header.writeUInt32BE(payloadBytesMax(type)! + 1, 1);
      expect(() => readAll(header, [1])).toThrow(/protocol/);
    }
  });
});
