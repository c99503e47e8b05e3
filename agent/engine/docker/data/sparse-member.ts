import { limits } from '../../../../schema/limits.ts';
import type { ContentDigest } from './content-digest.ts';
import { blockBytes, unreadableTar, wholeNumber } from './tar-members.ts';

/** Consumes the data of one tar member, in pieces. */
export interface Member {
  data(bytes: Buffer): void;
  end(): void;
}

/**
 * Parses a sparse file in GNU tar's format 1.0: first a map of decimal numbers, one per line (number of regions, then
 * offset and length of each), padded to a whole block; then the regions' data.
 */
export function sparseMember(
  extended: ReadonlyMap<string, string>,
  digest: ContentDigest,
  onDigest: (digest: ContentDigest) => void,
): Member {
  if (extended.get('GNU.sparse.major') !== '1' || extended.get('GNU.sparse.minor') !== '0') throw unreadableTar();
  const size = wholeNumber(extended.get('GNU.sparse.realsize') ?? '');
  const map: number[] = [];
  let line = '';
  let mapBytes = 0;
  let inMap = true;
  let region = 0;
  let done = 0;
  /** End of the previous region. */
  let end = 0;

  const readMap = (bytes: Buffer): number => {
    let at = 0;
    for (; at < bytes.length; at++) {
      const isFull = map.length > 0 && map.length === 1 + 2 * map[0]!;
      if (isFull && (mapBytes + at) % blockBytes === 0) {
        inMap = false;
        break;
      }
      if (isFull) continue;
      const character = String.fromCharCode(bytes[at]!);
      if (character !== '\n') line += character;
      else {
        map.push(wholeNumber(line));
        line = '';
      }
      if (line.length > 20 || map[0]! > limits.agent.sparseRegionsMax) throw unreadableTar();
    }
    mapBytes += at;
    return at;
  };
  const readRegions = (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; ) {
      const [offset, length] = [map[1 + 2 * region], map[2 + 2 * region]];
      if (offset === undefined || length === undefined) throw unreadableTar();
      if (offset < end) throw unreadableTar();
      if (done === 0) digest.holeTo(offset);
      const piece = bytes.subarray(at, at + length - done);
      digest.data(piece);
      at += piece.length;
      done += piece.length;
      if (done < length) continue;
      end = offset + length;
      region += 1;
      done = 0;
    }
  };
  return {
    data(bytes) {
      const from = inMap ? readMap(bytes) : 0;
      readRegions(bytes.subarray(from));
    },
    end() {
      // An empty region marks the end of the file.
      for (; map[2 + 2 * region] === 0; region++);
      if (line !== '' || map.length === 0 || map.length !== 1 + 2 * region || done > 0 || end > size)
        throw unreadableTar();
      digest.holeTo(size);
      onDigest(digest);
    },
  };
}
