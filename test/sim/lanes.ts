import type { LaneEnd, Lanes } from '../../agent/transfer/lanes.ts';
import type { ItemProof, PassedItem } from '../../agent/transfer/tar-ports.ts';
import { sleep } from '../../node/sleep.ts';
import type { AskPayload, AskReply } from '../../schema/agent-protocol.ts';
import { errorCodeOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { Actor } from './clock.ts';
import type { Parcel, SimSink, SimSource } from './engine-tar.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

/** One side's run of a lane, over all its connections. */
interface Run {
  actor: Actor;
  lane: LaneEnd;
  stream: string;
  read: (() => Parcel) | null;
  write: ((parcel: Parcel) => void) | null;
  reset: (() => Promise<void>) | null;
  /** What a source has sent. */
  sent: ItemProof | null;
  /** What a target has verified, while its source may not know yet, and whether it was told. */
  held: PassedItem | null;
  told: boolean;
  aliveAt: number;
}

/** One connection of a run to the relay. */
interface Side {
  run: Run;
  settle(outcome: ItemProof | Error | 'cut'): void;
}

type Ask = (kind: 'ticket', payload: AskPayload<'ticket'>, signal?: AbortSignal) => Promise<AskReply<'ticket'>>;

/**
 * Where two agents meet. The bytes' way itself is tested against real sockets elsewhere; here it ends well, is cut and
 * taken up again, gives up, loses its last word, or brings other bytes than were sent.
 */
export class Relay {
  up = true;
  /** Runs of lanes so far. */
  streams = 0;
  readonly #world: World;
  readonly #waiting = new Map<string, Side>();

  constructor(world: World) {
    this.#world = world;
  }

  arrive(side: Side): void {
    const { lane, read } = side.run;
    const key = `${lane.migrationId} ${lane.lane} ${read ? 'source' : 'target'}`;
    const peerKey = `${lane.migrationId} ${lane.lane} ${read ? 'target' : 'source'}`;
    const { time, random } = this.#world;
    const peer = this.#waiting.get(peerKey);
    if (!this.up) {
      side.settle('cut');
      return;
    }
    if (!peer?.run.actor.alive) {
      this.#waiting.set(key, side);
      time.after(limits.relay.joinWaitMsMax, null, () => {
        if (this.#waiting.get(key) !== side) return;
        this.#waiting.delete(key);
        side.settle('cut');
      });
      return;
    }
    this.#waiting.delete(peerKey);
    const [source, target] = read ? [side, peer] : [peer, side];
    time.after(random.longTail(50, 5_000), null, () => this.#greet(source, target));
  }

  /** A source that begins again finds a target that begins again, one that lost its last word finds the proof. */
  #greet(source: Side, target: Side): void {
    const { held, lane, reset } = target.run;
    if (!held) this.#carry(source, target);
    else if (held.unconfirmed_stream === source.run.stream) this.#tell(source, target);
    else
      this.#as(target, source, async () => {
        Object.assign(target.run, { held: null, told: false });
        await lane.record(null);
        await reset?.();
        this.#world.time.after(1, null, () => this.#carry(source, target));
      });
  }

  #carry(source: Side, target: Side): void {
    const { random, troubled } = this.#world;
    if (this.#cut(source, target)) return;
    let arrived: Parcel;
    try {
      const sent = source.run.read!();
      source.run.sent = proofOf(sent);
      // A digest tells; which of the two sides' counts it is compared with is production's business.
      const damaged = troubled && random.chance(0.05);
      arrived = damaged ? { ...sent, content: this.#world.newContent() } : sent;
      this.#world.crashPoint('before a lane arrives', target.run.actor);
      if (!target.run.actor.alive) {
        both(source, target, 'cut');
        return;
      }
      target.run.write!(arrived);
      this.#world.crashPoint('after a lane arrives', target.run.actor);
    } catch (error) {
      both(source, target, error as Error);
      return;
    }
    this.#as(target, source, async () => {
      const held = { ...proofOf(arrived), unconfirmed_stream: source.run.stream };
      await target.run.lane.record(held);
      Object.assign(target.run, { held, aliveAt: performance.now() });
      this.#world.time.after(1, null, () => this.#tell(source, target));
    });
  }

  /** The source records before the target hears of it; either's word may be lost. */
  #tell(source: Side, target: Side): void {
    target.run.told = true;
    if (this.#cut(source, target)) return;
    this.#as(source, target, async () => {
      const sent = source.run.sent!;
      await source.run.lane.record({ ...sent, unconfirmed_stream: null });
      source.settle(sent);
      this.#world.time.after(1, null, () => this.#cut(target) || target.settle(target.run.held!));
    });
  }

  /** The connection may have ended, with one of its sides or by itself. */
  #cut(...sides: Side[]): boolean {
    const { random, troubled } = this.#world;
    const cut = !this.up || sides.some(({ run }) => !run.actor.alive) || (troubled && random.chance(0.1));
    if (cut) for (const side of sides) side.settle('cut');
    return cut;
  }

  /** Does it as that side; the other one's connection is cut if that side dies before it is done. */
  #as(side: Side, other: Side, work: () => Promise<void>): void {
    const { alive, deaths } = side.run.actor;
    const cut = () => other.settle('cut');
    if (!alive) {
      cut();
      return;
    }
    deaths.add(cut);
    this.#world.time.after(0, side.run.actor, () => {
      void work()
        .catch((error: Error) => both(side, other, error))
        .finally(() => deaths.delete(cut));
    });
  }
}

function both(one: Side, other: Side, outcome: Error | 'cut'): void {
  one.settle(outcome);
  other.settle(outcome);
}

const proofOf = ({ content }: Parcel): ItemProof => ({ bytes: 1_000, sha256: `t${content}`.padStart(64, '0') });

export function lanesFor(host: SimHost, actor: Actor, ask: Ask): Lanes {
  const { world } = host;
  const meet = (run: Run): Promise<ItemProof | 'cut'> =>
    new Promise((resolve, reject) => {
      run.lane.signal.addEventListener('abort', () => reject(cancelled()), { once: true });
      const settle: Side['settle'] = (outcome) =>
        void world.time.after(0, actor, () => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
      world.relay.arrive({ run, settle });
    });

  /** As `keepConnected`: dials until the item is over, or nothing went on for too long. */
  const carry = async (lane: LaneEnd, ends: Pick<Run, 'read' | 'write' | 'reset'>): Promise<ItemProof> => {
    const { reconnectMsMax, verifiedWaitMsMax, controlAwayMsMax } = limits.stream;
    const { earlier } = lane;
    world.relay.streams += 1;
    const run: Run = {
      ...{ actor, lane, ...ends, stream: `stream ${world.relay.streams}`, sent: null, told: false },
      held: earlier && { ...earlier.proof, unconfirmed_stream: earlier.stream },
      aliveAt: performance.now(),
    };
    let awayMs = 0;
    for (;;) {
      if (lane.signal.aborted) throw cancelled();
      const began = performance.now();
      const outcome = await ticketed(lane, ask)
        .then(() => meet(run))
        .catch((error) => {
          if (errorCodeOf(error, 'internal') !== 'control_unavailable') throw error;
          return 'away' as const;
        });
      if (typeof outcome === 'object') return { bytes: outcome.bytes, sha256: outcome.sha256 };
      await sleep(world.random.between(50, 2_000));
      if (outcome === 'away') awayMs += performance.now() - began;
      if (outcome === 'away' && awayMs < controlAwayMsMax) run.aliveAt = performance.now();
      if (performance.now() - run.aliveAt <= (run.told ? verifiedWaitMsMax : reconnectMsMax)) continue;
      if (run.held) return run.held;
      throw new StackferryError('transfer_interrupted', 'no way to the peer');
    }
  };

  return {
    dialEarly: () => {},
    hangUp: () => {},
    send: ({ source, ...lane }) => carry(lane, { read: (source as SimSource).sim.read, write: null, reset: null }),
    receive: ({ sink, ...lane }) =>
      carry(lane, { read: null, write: (sink as SimSink).sim.write, reset: () => sink.reset() }),
  };
}

const ticketed = (lane: LaneEnd, ask: Ask) =>
  ask('ticket', { migration_id: lane.migrationId, lane: lane.lane }, lane.signal);
const cancelled = () => new StackferryError('cancelled', 'the transfer was cancelled');
