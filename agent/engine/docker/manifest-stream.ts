import type { Readable } from 'node:stream';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { ManifestDigest } from '../../transfer/manifest.ts';

/**
 * Reads what `manifestScript` prints into the digest; resolves to the number of entries. Memory grows only with the number
 * of files that have several names.
 */
export async function readManifest(output: Readable, digest: ManifestDigest): Promise<number> {
  const links = new Map<string, string[]>();
  let entries = 0;

  const entry = (fields: string[]) => {
    const [path, type, mode, owner, size, mtime, names, target, inode] = fields as [string, ...string[]];
    entries += 1;
    // A directory's own size and link count are the file system's business.
    const own = type === 'd' ? '' : `${size} ${names}`;
    digest.add('entry', [path, type!, mode!, owner!, own, mtime!, target!]);
    if (type !== 'd' && names !== '1') links.set(inode!, [...(links.get(inode!) ?? []), path]);
  };
  const attributes = (block: string[]) => {
    const [file, ...values] = block;
    if (file !== undefined) digest.add('attributes', [file, ...values.sort()]);
  };

  const block: string[] = [];
  for await (const record of recordsOf(output)) {
    if (record.kind === 'entry') entry(record.fields);
    else if (record.kind === 'device') digest.add('device', record.fields);
    else if (record.text !== '') block.push(record.text);
    else attributes(block.splice(0));
  }
  attributes(block);
  for (const names of links.values()) digest.add('links', names.sort());
  return entries;
}

type Printed =
  | { kind: 'entry'; fields: string[] }
  | { kind: 'device'; fields: string[] }
  | { kind: 'line'; text: string };

/** Latin-1 throughout: names are bytes, not text. */
async function* recordsOf(output: Readable): AsyncGenerator<Printed> {
  let rest = '';
  let fields: string[] = [];
  let inAttributes = false;
  for await (const chunk of output) {
    rest += (chunk as Buffer).toString('latin1');
    let from = 0;
    for (;;) {
      const at = rest.indexOf(inAttributes ? '\n' : '\0', from);
      if (at < 0) break;
      const piece = rest.slice(from, at);
      from = at + 1;
      if (inAttributes) {
        yield { kind: 'line', text: piece };
        continue;
      }
      fields.push(piece);
      if (fields[0] === 'X') inAttributes = true;
      else if (fields.length === lengthOf(fields[0])) {
        yield fields[0] === 'E'
          ? { kind: 'entry', fields: fields.slice(1) }
          : { kind: 'device', fields: fields.slice(1) };
        fields = [];
      }
    }
    rest = rest.slice(from);
    if (rest.length > limits.agent.manifestRecordBytesMax) throw unreadable();
  }
  if (!inAttributes) throw unreadable();
}

function lengthOf(kind: string | undefined): number {
  if (kind === 'E') return 10;
  if (kind === 'D') return 3;
  throw unreadable();
}

const unreadable = () => new StackferryError('manifest_mismatch', 'The helper’s listing of the files can’t be read.');
