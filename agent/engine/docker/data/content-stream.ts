import type { Readable } from 'node:stream';
import type { ContentDigest } from './content-digest.ts';
import { type Member, sparseMember } from './sparse-member.ts';
import { type MemberHead, parseTar, unreadableTar } from './tar-members.ts';

/**
 * Parses a tar in POSIX format and yields each regular file's path, relative to the packed directory, and the digest of
 * its contents. Only the digest is kept. Digesting happens here because a hashing tool in the helper takes four times as
 * long as this process, which uses the CPU's own instructions.
 */
export async function* contentsIn(
  tar: Readable,
  beginDigest: () => ContentDigest,
): AsyncGenerator<[path: string, digest: string]> {
  let member: Member = ignored;
  const read: [string, string][] = [];
  const parser = parseTar({
    begin: (head) => {
      member = memberOf(head, beginDigest, (digest) => read.push([head.path, digest.hex()]));
      return true;
    },
    data: (bytes) => member.data(bytes),
    padding: () => {},
    end: () => member.end(),
  });
  for await (const bytes of tar) {
    parser.take(bytes as Buffer);
    yield* read.splice(0);
  }
  if (!parser.ended()) throw unreadableTar();
}

const ignored: Member = { data: () => {}, end: () => {} };

function memberOf(
  { type, records }: MemberHead,
  beginDigest: () => ContentDigest,
  onDigest: (digest: ContentDigest) => void,
): Member {
  if (type !== '0') return ignored;
  const digest = beginDigest();
  if (records.has('GNU.sparse.major')) return sparseMember(records, digest, onDigest);
  return { data: digest.data, end: () => onDigest(digest) };
}
