import type net from 'node:net';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { type HolderSaid, holderHello, holderSaid, holderVersion, lineOf, type UnsentAct } from './holder-protocol.ts';
import { connectHolder } from './holder-socket.ts';
import { readLine } from './lines.ts';

/** An agent's connection to the holder of its host. */
export interface HolderSession {
  /** Resolves to the answer's data. Throws what the act threw in the holder, or `command_failed` if the connection ends. */
  ask(act: UnsentAct): Promise<unknown>;
  /** A connection that becomes a way on, for `keepWay`. */
  openWay(migrationId: string): Promise<net.Socket>;
  /** Aborts with the end of the connection. */
  over: AbortSignal;
  close(): void;
}

export class OtherVersion extends Error {}

/**
 * Connects to the holder that runs. Throws the socket's error if there is none; `OtherVersion` if it is of another release:
 * it was then told to end, and has ended. `onOver`: the connection has ended, though nobody closed it.
 */
export async function openHolderSession(
  stateDir: string,
  onOver: (isReplaced: boolean) => void,
  version = holderVersion,
): Promise<HolderSession> {
  const { holderLineBytesMax, holderHelloMsMax, holderStartMsMax } = limits.forward;
  const socket = await connectHolder(stateDir);
  try {
    socket.write(lineOf({ type: 'hello', version }));
    const line = await readLine(socket, holderLineBytesMax, holderHelloMsMax);
    if (line === null) throw new Error('the holder is ending');
    const hello = holderHello.parse(JSON.parse(line));
    if (hello.version === version) return new Session(stateDir, socket, hello.session, onOver);
    socket.write(lineOf({ type: 'end_all', id: 0 }));
    await readLine(socket, holderLineBytesMax, holderStartMsMax);
    throw new OtherVersion(`the holder was of version ${hello.version}`);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

class Session implements HolderSession {
  readonly #stateDir: string;
  readonly #socket: net.Socket;
  readonly #number: number;
  readonly #over = new AbortController();
  readonly #waiting = new Map<number, (said: HolderSaid) => void>();
  #asked = 0;
  #isReplaced = false;
  #isClosed = false;

  constructor(stateDir: string, socket: net.Socket, number: number, onOver: (isReplaced: boolean) => void) {
    this.#stateDir = stateDir;
    this.#socket = socket;
    this.#number = number;
    void this.#listen().finally(() => {
      socket.destroy();
      this.#over.abort();
      if (!this.#isClosed) onOver(this.#isReplaced);
    });
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  async ask(act: UnsentAct): Promise<unknown> {
    this.#asked += 1;
    const id = this.#asked;
    const until = AbortSignal.any([this.over, AbortSignal.timeout(limits.forward.holderAnswerMsMax)]);
    const { promise, resolve, reject } = Promise.withResolvers<HolderSaid>();
    const abort = () => reject(new StackferryError('command_failed', 'The connection holder of this host is gone.'));
    until.addEventListener('abort', abort, { once: true });
    if (until.aborted) abort();
    this.#waiting.set(id, resolve);
    try {
      this.#socket.write(lineOf({ ...act, id }));
      const said = await promise;
      if ('type' in said) throw new Error('unreachable');
      if (said.ok) return said.data;
      throw new StackferryError(said.code, said.message);
    } finally {
      this.#waiting.delete(id);
      until.removeEventListener('abort', abort);
    }
  }

  async openWay(migration_id: string): Promise<net.Socket> {
    const socket = await connectHolder(this.#stateDir);
    socket.write(lineOf({ type: 'way', session: this.#number, migration_id }));
    return socket;
  }

  close(): void {
    this.#isClosed = true;
    this.#over.abort();
    this.#socket.destroy();
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const line = await readLine(this.#socket, limits.forward.holderLineBytesMax);
        if (line === null) return;
        const said = holderSaid.parse(JSON.parse(line));
        if ('type' in said) {
          this.#isReplaced = true;
          return;
        }
        this.#waiting.get(said.id)?.(said);
      }
    } catch {
      // What can't be understood ends the connection.
    }
  }
}
