import { describe, expect, it } from 'vitest';
import {
  blockHeaderBytes,
  createSectionReader,
  encodeBegin,
  encodeFile,
  encodeRename,
  encodeSection,
  type LargeFile,
  type Section,
  writeBlockHeader,
} from '../../agent/precopy/delta-stream.ts';

const file: LargeFile = {
  path: 'a/na\xefve "x\n',
  size: 5_000_000,
  mode: 0o4755,
  uid: 1000,
  gid: 7,
  mtime: '1700000000.000000042',
};
function block(offset: number, data: string): Buffer {
  const section = Buffer.concat([Buffer.alloc(blockHeaderBytes), Buffer.from(data)]);
  writeBlockHeader(section, 0, offset, data.length);
  return section;
}
const stream = Buffer.concat([
  encodeBegin(true),
  encodeSection('remove', Buffer.from('./gone\0./b\0')),
  encodeRename({ from: 'a/old\xef', to: 'a/new' }),
  encodeFile(file),
  block(2 ** 33, 'new'),
  encodeSection('strip', Buffer.from('./a\0')),
  encodeSection('tar', Buffer.from('tar')),
  encodeSection('tar'),
  encodeSection('end'),
]);

const read = (...pieces: Buffer[]): Section[] => {
  const reader = createSectionReader();
  // The data of a section is the stream's memory, and is used before the next is asked for.
  return pieces.flatMap((piece) => [...reader(piece)].map((section) => structuredClone(section)));
};

/** Contents that came in several sections, one after the other, as one. */
function joined(sections: Section[]): Section[] {
  const whole: Section[] = [];
  for (const section of sections) {
    const last = whole.at(-1);
    const goesOn =
      (last?.kind === 'tar' && section.kind === 'tar' && section.data.length > 0) ||
      (last?.kind === 'block' && section.kind === 'block' && section.offset === last.offset + last.data.length);
    if (goesOn) last.data = new Uint8Array([...last.data, ...section.data]) as Buffer;
    else whole.push(section);
  }
  return whole;
}

describe('the stream of a pre-copy', () => {
  it('comes out as it went in, whole or cut at any place', () => {
    const whole = joined(read(stream));
    expect(whole.map(({ kind }) => kind)).toEqual([
      'begin',
      'remove',
      'rename',
      'file',
      'block',
      'strip',
      'tar',
      'tar',
      'end',
    ]);
    expect(whole[2]).toEqual({ kind: 'rename', rename: { from: 'a/old\xef', to: 'a/new' } });
    expect(whole[3]).toEqual({ kind: 'file', file });
    expect(whole[4]).toMatchObject({ offset: 2 ** 33 });
    for (let at = 0; at <= stream.length; at++)
      expect(joined(read(stream.subarray(0, at), stream.subarray(at)))).toEqual(whole);
    expect(joined(read(...Array.from(stream, (byte) => Buffer.from([byte]))))).toEqual(whole);
  });

  it('that was cut off gives no end, and nothing but contents in part', () => {
    const whole = joined(read(stream));
    for (let at = 0; at < stream.length; at++) {
      const sections = joined(read(stream.subarray(0, at)));
      expect(sections.length).toBeLessThan(whole.length);
      const last = sections.pop();
      expect(sections).toEqual(whole.slice(0, sections.length));
      if (last?.kind !== 'block' && last?.kind !== 'tar' && last) expect(last).toEqual(whole[sections.length]);
    }
  });

  it.each([
    ['a section of another type', Buffer.from([9, 0, 0, 0, 0])],
    ['a giant section', Buffer.from([4, 0xff, 0xff, 0xff, 0xff])],
    ['a block without its place', encodeSection('block', Buffer.from('x'))],
    ['a block beyond any file', encodeSection('block', Buffer.alloc(9, 0xff))],
    ['a rename into another directory', encodeSection('rename', Buffer.from('a/x\0b/x'))],
    ['a rename to nothing', encodeSection('rename', Buffer.from('x\0'))],
    ['a file that is no record', encodeSection('file', Buffer.from('x y z'))],
    ['a file without a name', encodeSection('file', Buffer.from('1 1 1 1 1.000000000\0'))],
  ])('refuses %s', (_, bytes) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'transfer_protocol' }));
  });
});
