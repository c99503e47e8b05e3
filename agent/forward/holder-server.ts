import net from 'node:net';
import type { Log } from '../../node/log.ts';
import { errorCodeOf, errorMessageOf } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { firstLine, type HolderAct, type HolderSaid, holderAct, holderVersion, lineOf } from './holder-protocol.ts';
import { claimHolder, type HolderClaim } from './holder-socket.ts';
import { readLine } from './lines.ts';
import { type OpenForwarding, Takings } from './takings.ts';

export type HolderServerBounds = Pick<
  { [K in keyof typeof limits.forward]: number },
  'agentAwayMsMax' | 'holderIdleMsMax' | 'holderTickMs' | 'holderHelloMsMax' | 'rulesLookMs'
>;

export interface HolderServerOptions {
  stateDir: string;
  open: OpenForwarding;
  log: Log;
  bounds?: Partial<HolderServerBounds>;
  /** Of acts and answers. */
  version?: number;
  now?: () => number;
}

export interface HolderServer {
  /** Resolves when nothing is left to do: the process may exit. */
  ended: Promise<void>;
  /** Removes all rules, then leaves the name to another holder. */
  end(why: string): Promise<void>;
}

/** The holder's side of its socket. Null if another holder serves this state directory. */
export async function openHolderServer(options: HolderServerOptions): Promise<HolderServer | null> {
  const claimed = Promise.withResolvers<Server | null>();
  const listener = net.createServer({ allowHalfOpen: true }, async (socket) => {
    socket.on('error', () => socket.destroy());
    const server = await claimed.promise;
    if (server) await server.serve(socket).catch(() => socket.destroy());
    else socket.destroy();
  });
  listener.maxConnections = limits.forward.holderSocketsMax;
  const claim = await claimHolder(options.stateDir, listener);
  const server = claim && new Server(options, claim);
  claimed.resolve(server);
  return server;
}

class Server implements HolderServer {
  readonly #takings: Takings;
  readonly #claim: HolderClaim;
  readonly #log: Log;
  readonly #bounds: HolderServerBounds;
  readonly #version: number;
  readonly #now: () => number;
  readonly #tick: NodeJS.Timeout;
  readonly #leaveRules: () => void;
  readonly #ended = Promise.withResolvers<void>();
  /** Of the agent of now. */
  #agent: net.Socket | null = null;
  #session = 0;
  #awaySince = performance.now();
  #busyAt = performance.now();
  #ending: Promise<void> | null = null;
  /** The name is left: nothing is taken any more. */
  #isClosed = false;
  #isLooking = false;

  constructor({ open, log, bounds, version, now }: HolderServerOptions, claim: HolderClaim) {
    this.#takings = new Takings(open, log);
    this.#claim = claim;
    this.#log = log;
    this.#bounds = { ...limits.forward, ...bounds };
    this.#version = version ?? holderVersion;
    this.#now = now ?? Date.now;
    this.#tick = setInterval(() => void this.#lookOnce(), this.#bounds.holderTickMs);
    this.#leaveRules = this.#takings.keepRules(this.#bounds.rulesLookMs);
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  end(why: string): Promise<void> {
    this.#ending ??= this.#endAll(why);
    return this.#ending;
  }

  async serve(socket: net.Socket): Promise<void> {
    const line = await readLine(socket, limits.forward.holderLineBytesMax, this.#bounds.holderHelloMsMax);
    if (line === null || this.#ending) return void socket.destroy();
    const first = firstLine.parse(JSON.parse(line));
    if (first.type === 'hello') return await this.#serveAgent(socket, first.version);
    if (first.session === this.#session && this.#agent) this.#takings.offer(first.migration_id, socket);
    else socket.destroy();
  }

  async #serveAgent(socket: net.Socket, version: number): Promise<void> {
    const isOurs = version === this.#version;
    if (isOurs) this.#attach(socket);
    socket.write(lineOf({ type: 'hello', version: this.#version, session: this.#session }));
    for (;;) {
      const line = await readLine(socket, limits.forward.holderLineBytesMax);
      if (line === null) return void socket.destroy();
      const act = holderAct.parse(JSON.parse(line));
      if (act.type === 'end_all') {
        this.#agent?.write(lineOf({ type: 'replaced' }));
        return void this.end('another release takes over').finally(() => socket.destroy());
      }
      if (!isOurs) return void socket.destroy();
      void this.#answer(socket, act);
    }
  }

  #attach(socket: net.Socket): void {
    const before = this.#agent;
    this.#session += 1;
    this.#agent = socket;
    this.#takings.disown();
    before?.end(lineOf({ type: 'replaced' }));
    setTimeout(() => before?.destroy(), limits.forward.closeMsMax).unref();
    this.#log.info('an agent is connected');
    socket.once('close', () => {
      if (this.#agent !== socket) return;
      this.#agent = null;
      this.#awaySince = performance.now();
      this.#takings.disown();
      this.#log.info('the agent is gone');
    });
  }

  async #answer(socket: net.Socket, act: HolderAct): Promise<void> {
    const { id } = act;
    // An agent that was replaced decides nothing any more; the end of the holder is answered by that of the connection.
    if (this.#agent !== socket || this.#ending) return;
    let said: HolderSaid;
    try {
      said = { id, ok: true, data: (await this.#perform(act)) ?? null };
    } catch (error) {
      said = { id, ok: false, code: errorCodeOf(error), message: errorMessageOf(error) };
    }
    if (socket.writable) socket.write(lineOf(said));
  }

  async #perform(act: HolderAct): Promise<unknown> {
    const takings = this.#takings;
    switch (act.type) {
      case 'open':
        return { redirects: await takings.open(act.migration_id, act.ports, act.earlier) };
      case 'hold':
        return await takings.hold(act.migration_id, act.until_ms);
      case 'forward':
        return await takings.forward(act.migration_id);
      case 'release':
        return await takings.release(act.migration_id);
      case 'end':
        return await takings.end(act.migration_id);
      case 'traffic':
        return takings.traffic(act.migration_id);
      case 'end_unclaimed':
        return await takings.endUnclaimed();
    }
  }

  async #lookOnce(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    await this.#look();
    this.#isLooking = false;
  }

  async #look(): Promise<void> {
    const isOurs = this.#isClosed || (await this.#claim.holds());
    // From here to the decision nothing is waited for: what is taken meanwhile would end with the process.
    const now = performance.now();
    const isIdle = this.#takings.isIdle();
    if (!isIdle) this.#busyAt = now;
    if (this.#isClosed) {
      if (!isIdle) return void (await this.#takings.endAll());
      clearInterval(this.#tick);
      return this.#ended.resolve();
    }
    if (this.#ending) return;
    if (!isOurs) return void this.end('its place is taken, or its directory gone');
    if (!this.#agent && now - this.#awaySince >= this.#bounds.agentAwayMsMax)
      return void this.end('no agent came back');
    if (isIdle && now - this.#busyAt >= this.#bounds.holderIdleMsMax) return void this.end('nothing is taken');
    await this.#takings.endDue(this.#now());
  }

  async #endAll(why: string): Promise<void> {
    this.#log.info(`ending: ${why}`);
    this.#leaveRules();
    await this.#takings.endAll();
    await this.#claim.release();
    this.#agent?.destroy();
    this.#isClosed = true;
    await this.#look();
  }
}
