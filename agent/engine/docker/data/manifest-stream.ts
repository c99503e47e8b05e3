import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import type { ManifestDigest } from '../../../transfer/manifest.ts';

/**
 * Hashes the output of `entriesScript` into the digest; returns the number of entries. They arrive sorted, so they are
 * hashed as a stream; memory grows only with the number of hard-linked files.
 */
export async function readEntries(output: Readable, digest: ManifestDigest): Promise<number> {
  const special = createSpecialEntries(digest);
  const entries = createHash('sha256');
  let rest = Buffer.alloc(0);
  let inEntries = false;
  let count = 0;
  for await (const chunk of output) {
    let bytes = Buffer.concat([rest, chunk as Buffer]);
    if (!inEntries) {
      const understood = special.read(bytes);
      inEntries = special.ended();
      bytes = bytes.subarray(understood);
    }
    // The last bytes are held back: they may be the end marker.
    const known = inEntries ? Math.max(0, bytes.length - end.length) : 0;
    entries.update(bytes.subarray(0, known));
    count += zerosIn(bytes.subarray(0, known));
    rest = Buffer.from(bytes.subarray(known));
    if (!inEntries && rest.length > limits.agent.manifestRecordBytesMax) throw unreadable();
  }
  if (!inEntries || !rest.equals(end)) throw unreadable();
  digest.add('entries', [entries.digest('hex')]);
  return count;
}

const end = Buffer.from('end\0');

function zerosIn(bytes: Buffer): number {
  let zeros = 0;
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at + 1)) zeros += 1;
  return zeros;
}

/** Latin-1: names are bytes, not text. */
function createSpecialEntries(digest: ManifestDigest) {
  const links = new Map<string, string[]>();
  let fields: string[] = [];
  let ended = false;
  return {
    ended: () => ended,
    /** Returns the number of bytes consumed. */
    read(bytes: Buffer): number {
      let at = 0;
      while (!ended) {
        const zero = bytes.indexOf(0, at);
        if (zero < 0) break;
        fields.push(bytes.toString('latin1', at, zero));
        at = zero + 1;
        const [kind, first = '', second = ''] = fields;
        if (kind === 'entries') {
          // A single name here means that the other links are outside the tree: the file arrives as an independent one.
          for (const names of links.values()) if (names.length > 1) digest.add('links', names.sort());
          ended = true;
        } else if (kind !== 'L' && kind !== 'D') throw unreadable();
        else if (fields.length === 3) {
          if (kind === 'L') links.set(first, [...(links.get(first) ?? []), second]);
          else digest.add('device', [first, second]);
          fields = [];
        }
      }
      return at;
    },
  };
}

/**
 * Hashes the output of `attributesScript` into the digest: blocks of a name and its attributes, separated by empty
 * lines.
 */
export async function readAttributes(output: Readable, digest: ManifestDigest): Promise<void> {
  let rest = '';
  let ended = false;
  for await (const chunk of output) {
    const blocks = (rest + (chunk as Buffer).toString('latin1')).split('\n\n');
    rest = blocks.pop() ?? '';
    if (rest.length > limits.agent.manifestRecordBytesMax) throw unreadable();
    for (const block of blocks) {
      const [file = '', ...values] = block.split('\n');
      if (file === '# end') ended = true;
      else digest.add('attributes', [file, ...values.sort()]);
    }
  }
  if (!ended || rest !== '') throw unreadable();
}

const unreadable = () => new StackferryError('manifest_mismatch', 'The helper’s listing of the files can’t be read.');
