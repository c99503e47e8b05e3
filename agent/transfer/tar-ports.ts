import type { Readable, Writable } from 'node:stream';

/** A tar being made. */
export interface TarReader {
  stream: Readable;
  /** Resolves once tar exited 0 with nothing unexpected on stderr; else rejects with `pack_failed`. */
  finished: Promise<void>;
}

export interface TarSource {
  open(signal: AbortSignal): Promise<TarReader>;
}

/** A tar being unpacked. */
export interface TarWriter {
  stream: Writable;
  /** Resolves once tar exited 0, said nothing unexpected, and the filesystem was synced; else rejects with `unpack_failed`. */
  finished: Promise<void>;
}

export interface TarSink {
  open(signal: AbortSignal): Promise<TarWriter>;
  /** Empties the place again, for a whole resend. */
  reset(): Promise<void>;
}
