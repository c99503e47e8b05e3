import { describe, expect, it } from 'vitest';
import { startLosses } from './losses.ts';

const lengths = (pieces: { bytes: Buffer; lost: boolean }[]) => pieces.map(({ bytes, lost }) => [bytes.length, lost]);

describe('losses on a line', () => {
  it('hit one segment in so many, however the bytes are grouped', () => {
    const split = startLosses(10);
    expect(lengths(split(Buffer.alloc(14_000)))).toEqual([[14_000, false]]);
    expect(lengths(split(Buffer.alloc(480)))).toEqual([[480, true]]);
    expect(lengths(split(Buffer.alloc(30_000)))).toEqual([
      [14_480, true],
      [14_480, true],
      [1_040, false],
    ]);
  });

  it('leave every byte where it was', () => {
    const split = startLosses(2);
    const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, index) => index % 251));
    expect(Buffer.concat(split(bytes).map((piece) => piece.bytes)).equals(bytes)).toBe(true);
  });

  it('spare a line without any', () => {
    expect(lengths(startLosses(Number.POSITIVE_INFINITY)(Buffer.alloc(5_000)))).toEqual([[5_000, false]]);
  });
});
