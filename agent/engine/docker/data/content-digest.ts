import { createHash, hash } from 'node:crypto';
import type { ContentDigestName } from '../../../../schema/content-digest.ts';
import { contentUnitBytes, encodeOffset } from '../../../precopy/unit-tag.ts';
import { beginGmac, type Gmac, gmacKeyBytes } from '../../../transfer/gmac.ts';

/**
 * Digest of a file's contents, independent of how its zeros are stored: SHA-256 over each unit that is not all zeros, of
 * its offset and its bytes, or of its offset and their GMAC. The file's length is not included; the manifest has it. A
 * hole costs nothing, whatever its size.
 */
export interface ContentDigest {
  data(bytes: Buffer): void;
  /** Skips to `offset`: only zeros up to there. */
  holeTo(offset: number): void;
  hex(): string;
}

/**
 * How the contents of one migration's files are digested. The key of GMAC is known to both sides by the migration's id: it
 * is to find what differs, not what somebody forges.
 */
export interface ContentDigests {
  name: ContentDigestName;
  key: Buffer;
  begin(): ContentDigest;
}

export function contentDigests(name: ContentDigestName, migrationId: string): ContentDigests {
  const key = hash('sha256', `contents of ${migrationId}`, 'buffer').subarray(0, gmacKeyBytes);
  return { name, key, begin: () => digestByUnits(name === 'sha256' ? hashedUnits() : taggedUnits(key)) };
}

/** The units of one file, in order. */
interface Units {
  /** Large enough not to slow the digest, small compared to a relevant hole. */
  bytes: number;
  begin(offset: Buffer): void;
  update(bytes: Buffer): void;
  end(): void;
  hex(): string;
}

function hashedUnits(): Units {
  const sum = createHash('sha256');
  return {
    bytes: 65_536,
    begin: (offset) => void sum.update(offset),
    update: (bytes) => void sum.update(bytes),
    end: () => {},
    hex: () => sum.digest('hex'),
  };
}

function taggedUnits(key: Buffer): Units {
  const sum = createHash('sha256');
  let gmac: Gmac | null = null;
  return {
    bytes: contentUnitBytes,
    begin: (offset) => {
      sum.update(offset);
      gmac = beginGmac(key, 0);
    },
    update: (bytes) => gmac?.update(bytes),
    end: () => void (gmac && sum.update(gmac.tag())),
    hex: () => sum.digest('hex'),
  };
}

const zeros = Buffer.alloc(contentUnitBytes);

function digestByUnits(units: Units): ContentDigest {
  let at = 0;
  /** True if part of the current unit was digested: then everything in it before `at` was. */
  let isBegun = false;

  const endUnit = () => {
    if (isBegun) units.end();
    isBegun = false;
  };
  const advance = (bytes: number) => {
    at += bytes;
    if (at % units.bytes === 0) endUnit();
  };
  const begin = () => {
    if (isBegun) return;
    const before = at % units.bytes;
    units.begin(encodeOffset(at - before));
    if (before > 0) units.update(zeros.subarray(0, before));
    isBegun = true;
  };

  return {
    data(bytes) {
      for (let from = 0; from < bytes.length; ) {
        const piece = bytes.subarray(from, from + units.bytes - (at % units.bytes));
        if (isBegun || !piece.equals(zeros.subarray(0, piece.length))) {
          begin();
          units.update(piece);
        }
        advance(piece.length);
        from += piece.length;
      }
    },
    holeTo(offset) {
      if (isBegun) {
        const rest = Math.min(units.bytes - (at % units.bytes), offset - at);
        if (rest > 0) units.update(zeros.subarray(0, rest));
        advance(rest);
      }
      advance(offset - at);
    },
    hex() {
      endUnit();
      return units.hex();
    },
  };
}
