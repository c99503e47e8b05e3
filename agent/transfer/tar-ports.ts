import type { Readable, Writable } from 'node:stream';

/** What an engine gives the transfer: something that packs a volume into a tar, or unpacks one. */

export interface TarReader {
  /** Ends after the last byte of the tar. A chunk's memory may be used again once the next but one is read. */
  stream: Readable;
  /** Rejects unless the packer exited 0 and said nothing that hides a loss. May settle before or after the stream's end. */
  finished: Promise<void>;
}

export interface TarSource {
  /** Starts reading from the beginning. May be called again, after the reader before it was aborted and has finished. */
  open(signal: AbortSignal): Promise<TarReader>;
}

export interface TarWriter {
  /** A chunk's memory is used again once its write is called back: who keeps it for longer must copy. */
  stream: Writable;
  /**
   * Resolves once the unpacker exited 0, said nothing that hides a loss, and the filesystem was synced; rejects
   * otherwise, also when the signal aborted it, and then only when the unpacker is gone. May settle while bytes are
   * still to be written: unpackers stop at the archive's end mark, before the last padding.
   */
  finished: Promise<void>;
}

export interface TarSink {
  open(signal: AbortSignal): Promise<TarWriter>;
  /** Makes the place empty again. Called before every open but the first. */
  reset(): Promise<void>;
}

/** What both sides must agree on: bytes of the tar, and their SHA-256 in hex. */
export interface ItemProof {
  bytes: number;
  sha256: string;
}
