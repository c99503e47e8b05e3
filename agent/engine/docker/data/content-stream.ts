import type { Readable } from 'node:stream';
import { type ContentDigest, createContentDigest } from './content-digest.ts';
import { type Member, sparseMember } from './sparse-member.ts';
import { type MemberHead, parseTar, unreadableTar } from './tar-members.ts';

export type OnFile = (path: string, sha256: string) => Promise<void> | undefined;

/**
 * Parses a tar in POSIX format and calls `onFile` for each regular file with its path, relative to the packed
 * directory, and the digest of its contents. Only the digest is kept. Hashing happens here because a hashing tool in
 * the helper takes four times as long as this process, which uses the CPU's own instructions.
 */
export async function readContents(tar: Readable, onFile: OnFile): Promise<void> {
  let member: Member = ignored;
  const read: [path: string, digest: string][] = [];
  const parser = parseTar({
    begin: (head) => {
      member = memberOf(head, (digest) => read.push([head.path, digest.hex()]));
    },
    data: (bytes) => member.data(bytes),
    padding: () => {},
    end: () => member.end(),
  });
  for await (const bytes of tar) {
    parser.take(bytes as Buffer);
    for (const file of read.splice(0)) {
      const taking = onFile(...file);
      if (taking) await taking;
    }
  }
  if (!parser.ended()) throw unreadableTar();
}

const ignored: Member = { data: () => {}, end: () => {} };

function memberOf({ type, records }: MemberHead, onDigest: (digest: ContentDigest) => void): Member {
  if (type !== '0') return ignored;
  if (records.has('GNU.sparse.major')) return sparseMember(records, onDigest);
  const digest = createContentDigest();
  return { data: digest.data, end: () => onDigest(digest) };
}
