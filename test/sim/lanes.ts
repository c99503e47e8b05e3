import { sleep } from '../../agent/sleep.ts';
import type { LaneEnd, Lanes } from '../../agent/transfer/lanes.ts';
import type { ItemProof } from '../../agent/transfer/tar-ports.ts';
import type { AskPayload, AskReply } from '../../schema/agent-protocol.ts';
import { errorCodeOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { Actor } from './clock.ts';
import type { Parcel, SimSink, SimSource } from './engine-tar.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

/** One side of a lane at the relay. */
interface Side {
  actor: Actor;
  lane: LaneEnd;
  read: (() => Parcel) | null;
  write: ((parcel: Parcel) => void) | null;
  settle(outcome: ItemProof | Error | 'cut'): void;
}

type Ask = (kind: 'ticket', payload: AskPayload<'ticket'>, signal?: AbortSignal) => Promise<AskReply<'ticket'>>;

/**
 * Where two agents meet. The bytes' way itself is tested against real sockets elsewhere; here it ends well, is cut and
 * taken up again, gives up, loses its last word, or brings other bytes than were sent.
 */
export class Relay {
  up = true;
  readonly #world: World;
  readonly #waiting = new Map<string, Side>();

  constructor(world: World) {
    this.#world = world;
  }

  arrive(side: Side): void {
    const key = `${side.lane.migrationId} ${side.lane.lane} ${side.read ? 'source' : 'target'}`;
    const peerKey = `${side.lane.migrationId} ${side.lane.lane} ${side.read ? 'target' : 'source'}`;
    const { time, random } = this.#world;
    const peer = this.#waiting.get(peerKey);
    if (!this.up) {
      side.settle('cut');
      return;
    }
    if (!peer?.actor.alive) {
      this.#waiting.set(key, side);
      time.after(limits.relay.joinWaitMsMax, null, () => {
        if (this.#waiting.get(key) !== side) return;
        this.#waiting.delete(key);
        side.settle('cut');
      });
      return;
    }
    this.#waiting.delete(peerKey);
    const [source, target] = side.read ? [side, peer] : [peer, side];
    time.after(random.longTail(50, 5_000), null, () => this.#carry(source, target));
  }

  #carry(source: Side, target: Side): void {
    const { time, random, troubled } = this.#world;
    const both = (outcome: Error | 'cut') => {
      source.settle(outcome);
      target.settle(outcome);
    };
    if (!this.up || !source.actor.alive || !target.actor.alive || (troubled && random.chance(0.1))) {
      both('cut');
      return;
    }
    let sent: Parcel;
    let arrived: Parcel;
    try {
      sent = source.read!();
      // A digest tells; which of the two sides' counts it is compared with is production's business.
      const damaged = troubled && random.chance(0.05);
      arrived = damaged ? { ...sent, content: this.#world.newContent() } : sent;
      this.#world.crashPoint('before a lane arrives', target.actor);
      if (!target.actor.alive) {
        both('cut');
        return;
      }
      target.write!(arrived);
      this.#world.crashPoint('after a lane arrives', target.actor);
    } catch (error) {
      both(error as Error);
      return;
    }
    // The target's word that it is there may be the last that the source hears, or does not.
    if (source.actor.alive) time.after(1, null, () => source.settle(proofOf(sent)));
    time.after(source.actor.alive ? 2 : limits.stream.verifiedWaitMsMax, null, () => target.settle(proofOf(arrived)));
  }
}

const proofOf = ({ content }: Parcel): ItemProof => ({ bytes: 1_000, sha256: `t${content}`.padStart(64, '0') });

export function lanesFor(host: SimHost, actor: Actor, ask: Ask): Lanes {
  const { world } = host;

  const meet = (lane: LaneEnd, ends: Pick<Side, 'read' | 'write'>): Promise<ItemProof | 'cut'> =>
    new Promise((resolve, reject) => {
      const settle: Side['settle'] = (outcome) =>
        void world.time.after(0, actor, () => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
      lane.signal.addEventListener('abort', () => reject(cancelled()), { once: true });
      world.relay.arrive({ actor, lane, ...ends, settle });
    });

  /** As `keepConnected`: dials until the item is over, or nothing went on for too long. */
  const carry = async (lane: LaneEnd, ends: Pick<Side, 'read' | 'write'>): Promise<ItemProof> => {
    let quietMs = 0;
    let awayMs = 0;
    for (;;) {
      if (lane.signal.aborted) throw cancelled();
      const began = Date.now();
      const outcome = await ticketed(lane, ask)
        .then(() => meet(lane, ends))
        .catch((error) => {
          if (errorCodeOf(error, 'internal') !== 'control_unavailable') throw error;
          return 'away' as const;
        });
      if (typeof outcome === 'object') return outcome;
      await sleep(world.random.between(50, 2_000));
      if (outcome === 'away') awayMs += Date.now() - began;
      else quietMs += Date.now() - began;
      if (quietMs > limits.stream.reconnectMsMax || awayMs > limits.stream.controlAwayMsMax)
        throw new StackferryError('transfer_interrupted', 'no way to the peer');
    }
  };

  return {
    send: ({ source, ...lane }) => carry(lane, { read: (source as SimSource).sim.read, write: null }),
    receive: ({ sink, ...lane }) => carry(lane, { read: null, write: (sink as SimSink).sim.write }),
  };
}

const ticketed = (lane: LaneEnd, ask: Ask) =>
  ask('ticket', { migration_id: lane.migrationId, lane: lane.lane }, lane.signal);
const cancelled = () => new StackferryError('cancelled', 'the transfer was cancelled');
