import type { TLSSocket } from 'node:tls';
import { errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { Hello } from '../../schema/volume-stream.ts';
import type { StreamBounds } from './frame-connection.ts';
import { type Reception, runReceiveSession } from './receive-session.ts';
import { openReceiveWindow, type ReceiveWindow } from './receive-window.ts';
import { type Connect, keepConnected, patienceMs, type SessionEnd, type TransferEvent } from './reconnect.ts';
import { createStripeBudget, type StripeBudget } from './stripe-budget.ts';
import type { ItemProof, PassedItem, TarSink, VerifiedEarlier } from './tar-ports.ts';

interface ReceiveItemOptions {
  lane: string;
  sink: TarSink;
  /** Dials the peer; called for each connection. */
  connect: Connect;
  /** Bytes of the tar handed to the unpacker. Returns to 0 when the source packs the item again. */
  onProgress: (bytes: number) => void;
  /** Called with the stack that the source says it sends. Throws to refuse it. */
  onNamed?: (project: string | null) => void;
  /** The destination then holds the item, and must not be emptied before. */
  earlier?: VerifiedEarlier | null;
  record: (passed: PassedItem | null) => Promise<void>;
  /** The destination holds all of it and may be read, unless `record` is called with null after that. */
  onUnpacked?: () => void;
  signal: AbortSignal;
  /** Shared by all items of this agent. */
  stripes?: StripeBudget;
  observe?: (event: TransferEvent) => void;
  bounds?: Partial<StreamBounds>;
}

/**
 * Receives one item from the peer's `sendItem` into an empty destination, or ends what an earlier run verified. Resolves
 * once the unpacker exited 0, the filesystem was synced, counts and digest agree and are recorded, and the source knows
 * it or, once it was told, has had `verifiedWaitMsMax` to ask again. Throws `unpack_failed` or the unpacker's own code,
 * `digest_mismatch`, `transfer_interrupted`, `transfer_protocol`, `cancelled`, or the source's reason for giving up. The
 * unpacker has exited when this settles.
 */
export function receiveItem(options: ReceiveItemOptions): Promise<ItemProof> {
  return new Receiver(options).run();
}

class Receiver {
  readonly #options: ReceiveItemOptions;
  readonly #bounds: StreamBounds;
  /** Null if the item was verified earlier, until the source packs it again. */
  #window: Promise<ReceiveWindow> | null;
  /** The run of the packer that is unpacked, or was verified. */
  #stream: string | null;
  #proof: ItemProof | null;
  /** The proof was sent; whether it arrived is not known. */
  #told = false;
  readonly #stripes: StripeBudget;
  #listener: (() => void) | null = null;
  #advanced = 0;
  #restarts = 0;

  constructor(options: ReceiveItemOptions) {
    this.#options = options;
    this.#bounds = { ...limits.stream, ...options.bounds };
    this.#stripes = options.stripes ?? createStripeBudget(this.#bounds.stripesMax);
    this.#stream = options.earlier?.stream ?? null;
    this.#proof = options.earlier?.proof ?? null;
    // The unpacker starts during the first dial.
    this.#window = options.earlier ? null : this.#unpack();
  }

  async run(): Promise<ItemProof> {
    const { connect, signal, observe = () => {} } = this.#options;
    try {
      return await keepConnected({
        connect,
        session: (socket, alive) => this.#session(socket, alive),
        progress: () => this.#advanced,
        signal,
        bounds: this.#bounds,
        withoutProgressMsMax: (spentMs) =>
          this.#told ? this.#bounds.verifiedWaitMsMax : patienceMs(spentMs, this.#bounds),
        observe,
      });
    } catch (error) {
      // The proof stands, even if the source did not return to receive it.
      if (this.#proof && !signal.aborted) return this.#proof;
      throw (await this.#window?.then((opened) => opened.failure()).catch(unpackFailure)) ?? error;
    } finally {
      await this.#window?.then((opened) => opened.close()).catch(() => {});
    }
  }

  #session(socket: TLSSocket, alive: () => void): Promise<SessionEnd<ItemProof>> {
    let mine: Promise<ReceiveWindow> | null = null;
    return runReceiveSession(socket, {
      lane: this.#options.lane,
      receive: (hello) => {
        const reception = this.#receive(hello);
        mine = this.#window;
        return reception;
      },
      bounds: this.#bounds,
      signal: this.#options.signal,
      connect: this.#options.connect,
      stripes: this.#stripes,
      onStripeFault: (error) => this.#options.observe?.({ kind: 'stripe_broke', error }),
      // Once it has the proof, a source that only stays connected must not extend the wait.
      onAlive: () => this.#proof || alive(),
      onVerified: async (verified) => {
        // The source may have begun again over another connection.
        if (mine === this.#window) await this.#options.record({ ...verified, unconfirmed_stream: this.#stream });
        if (mine !== this.#window) return;
        this.#proof = verified;
        alive();
      },
      onTold: () => {
        this.#told = true;
      },
      watch: (called) => {
        this.#listener = called;
      },
    });
  }

  async #receive(hello: Hello): Promise<Reception> {
    this.#options.onNamed?.(hello.project);
    if (this.#stream !== null && this.#stream !== hello.stream) {
      this.#restarts += 1;
      if (this.#restarts > this.#bounds.restartsMax)
        throw new StackferryError('transfer_interrupted', 'The source restarted the item too often');
      this.#proof = null;
      this.#told = false;
      this.#window = this.#unpackAgain(this.#window);
      this.#window.catch(() => {});
    }
    this.#stream = hello.stream;
    if (this.#proof) return { kind: 'verified', proof: this.#proof };
    const opened = this.#window!.catch((cause: unknown) => Promise.reject(unpackFailure(cause)));
    return { kind: 'inbox', inbox: await opened };
  }

  #unpack(): Promise<ReceiveWindow> {
    const { sink, onProgress, onUnpacked } = this.#options;
    const onChange = () => {
      this.#advanced += 1;
      void opened.then((window) => onProgress(window.unpackedBytes()));
      this.#listener?.();
    };
    const opened = openReceiveWindow(sink, this.#bounds, onChange, onUnpacked);
    opened.catch(() => {});
    return opened;
  }

  /**
   * The source packs again, because it was restarted or no longer holds the chunks needed, so the destination is emptied
   * too: first what is recorded of it.
   */
  async #unpackAgain(before: Promise<ReceiveWindow> | null): Promise<ReceiveWindow> {
    const { sink, record, onProgress, observe } = this.#options;
    observe?.({ kind: 'restarted', why: 'the source packs the item again' });
    await before?.then((old) => old.close()).catch(() => {});
    await record(null);
    await sink.reset();
    onProgress(0);
    return await this.#unpack();
  }
}

function unpackFailure(cause: unknown): StackferryError {
  if (cause instanceof StackferryError) return cause;
  return new StackferryError('unpack_failed', `Unpacking could not start: ${errorMessageOf(cause)}`, { cause });
}
