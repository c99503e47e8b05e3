import type { Readable, Writable } from 'node:stream';

/** What an engine provides to a transfer: a source that packs a volume into a tar, a sink that unpacks one. */

export interface TarReader {
  /** Ends after the last byte of the tar. A chunk's memory may be reused once the next but one has been read. */
  stream: Readable;
  /** Rejects unless the packer exited 0 and logged nothing that hides data loss. May settle before `stream` ends. */
  finished: Promise<void>;
}

export interface TarSource {
  /** Starts reading from the beginning. May be called again after the previous reader was aborted and has finished. */
  open(signal: AbortSignal): Promise<TarReader>;
}

export interface TarWriter {
  /** A chunk's memory is reused after its write callback: copy it to keep it longer. */
  stream: Writable;
  /**
   * Resolves once the unpacker exited 0 without a message that could hide data loss, and the filesystem was synced.
   * Rejects otherwise, also on abort, and then only once the unpacker has exited. May settle while bytes are still to
   * be written: unpackers stop at the archive's end mark, before the last padding.
   */
  finished: Promise<void>;
  /** Resolves once all is unpacked and may be read back, while it is being synced; never if that is not known. */
  unpacked?: Promise<void>;
}

export interface TarSink {
  open(signal: AbortSignal): Promise<TarWriter>;
  /** Empties the destination. Called before every open of a transfer but its first. */
  reset(): Promise<void>;
}

/** What both sides must agree on: bytes of the tar, and their SHA-256 in hex. */
export interface ItemProof {
  bytes: number;
  sha256: string;
}

/**
 * What a side must find again after a restart, so that neither waits for a peer that has finished the item. The source
 * stores it before DONE, the target before VERIFIED.
 */
export interface PassedItem extends ItemProof {
  /** Target: the stream whose source may not know yet that it was verified; null once it does. */
  unconfirmed_stream: string | null;
}

/** What an earlier run of the target verified and recorded, while its source may not know. */
export interface VerifiedEarlier {
  proof: ItemProof;
  stream: string;
}
