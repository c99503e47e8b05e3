import { Readable } from 'node:stream';
import { type Header, pack } from 'tar-stream';
import { encodeBegin, encodeSection } from '../../agent/precopy/delta-stream.ts';
import type { TarSource } from '../../agent/transfer/tar-ports.ts';

export type Entry = [header: Partial<Header> & { name: string }, contents?: string];

export async function archiveOf(entries: Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const [header, contents = ''] of entries) archive.entry(header, contents);
  archive.finalize();
  return Buffer.concat(await Readable.from(archive).toArray());
}

export const link = (name: string, linkname: string): Entry => [{ name, type: 'symlink', linkname }];

/** A packer that gives these bytes, whatever is on the disk. */
export const packing = (bytes: () => Promise<Buffer>): TarSource => ({
  open: async () => ({ stream: Readable.from([await bytes()]), finished: Promise.resolve() }),
});

/** Passes of a pre-copy: archives that are unpacked one after the other into the same volume. */
export async function passesOf(archives: Entry[][], ...sections: Buffer[]): Promise<Buffer> {
  const tars = await Promise.all(archives.map(archiveOf));
  const packed = tars.flatMap((tar) => [encodeSection('tar', tar), encodeSection('tar')]);
  return Buffer.concat([encodeBegin(true), ...packed, ...sections, encodeSection('end')]);
}
