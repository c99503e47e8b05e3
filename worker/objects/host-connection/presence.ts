import { limits } from '../../../schema/limits.ts';
import type { Env } from '../../env.ts';
import { log } from '../../log.ts';
import { upgradeEvent } from '../../store/fleet-events.ts';
import { markPresence, type NodeRow } from '../../store/nodes.ts';
import { holderSocket, isAlive, linkOf, pingedAt } from './control-socket.ts';

/** What the node's row says, as this object last wrote it. */
interface Noted {
  node: string;
  connected: boolean;
  seen_at: number;
  /** Absent if an earlier release wrote it. */
  agent_version?: string;
  /** How many changes of the version were told on which day since 1970. */
  told?: { day: number; changes: number };
}

/**
 * Keeps `connected` and `seen_at` of the node's row right, with one write at the welcome and one at the end of the connection
 * (C9). A connection may end without a word: a deploy or a crash resets this object, a host loses power. So while the row says
 * `connected`, an alarm compares it with the connection; it writes only if they differ.
 */
export class Presence {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
  }

  /** A hello, with what it says of the node. Returns false if the node was deleted. */
  arrived(node: string, said: Partial<NodeRow> & { agent_version: string }): Promise<boolean> {
    return this.#inTurn(async () => {
      const { agent_version } = said;
      const noted = await this.#ctx.storage.get<Noted>(key);
      const now = Date.now();
      const day = Math.floor(now / dayMs);
      const changes = noted?.told?.day === day ? noted.told.changes : 0;
      const next = { node, connected: true, seen_at: now, agent_version, told: { day, changes } };
      // Only with another version there is more than the row to be written.
      if (noted?.agent_version === agent_version || changes >= limits.control.versionChangesPerDayMax)
        return this.#write(next, said);
      next.told.changes += 1;
      return this.#write(next, said, upgradeEvent(this.#env.DB, node, agent_version, now));
    });
  }

  /** Writes how the connection is, if the row says otherwise. Never throws: the alarm repeats it. `ended`: just closed. */
  settle(ended: WebSocket | null = null): Promise<void> {
    return this.#settle(ended, null);
  }

  /**
   * For a node whose row says that it is connected, whatever this object remembers: its alarm may be lost. `seenAt`: as
   * the row has it. Throws.
   */
  check(node: string, seenAt: number | null): Promise<void> {
    return this.#inTurn(async () => {
      const noted = await this.#ctx.storage.get<Noted>(key);
      // The row may be newer: its answer was lost.
      const seen_at = Math.max(noted?.seen_at ?? 0, seenAt ?? 0);
      await this.#compare({ ...noted, node, connected: true, seen_at }, null, null);
      if (holderSocket(this.#ctx) && (await this.#ctx.storage.getAlarm()) === null) await this.#setAlarm();
    });
  }

  async alarm(): Promise<void> {
    await this.#settle(null, Date.now());
    const noted = await this.#ctx.storage.get<Noted>(key);
    // A silent connection may be heard again.
    if (noted?.connected || holderSocket(this.#ctx)) await this.#setAlarm();
  }

  /** When a node that is not connected was last heard, within `presenceCheckMs`; null if it never was. */
  async lastSeenAt(): Promise<number | null> {
    await this.settle();
    return (await this.#ctx.storage.get<Noted>(key))?.seen_at ?? null;
  }

  #settle(ended: WebSocket | null, dueAt: number | null): Promise<void> {
    return this.#inTurn(async () => {
      const noted = await this.#ctx.storage.get<Noted>(key);
      if (noted) await this.#compare(noted, ended, dueAt);
    }).catch((error) => log.error('the end of a connection could not be written', { error }));
  }

  /** `dueAt`: of the check that is being made, if it is one of the alarm's. */
  async #compare(noted: Noted, ended: WebSocket | null, dueAt: number | null): Promise<void> {
    const now = Date.now();
    const socket = holderSocket(this.#ctx);
    const connected = socket !== null && isAlive(this.#ctx, socket, now);
    if (connected === noted.connected) return;
    const last = socket ?? ended;
    // Where nothing is left of a connection, it ended after the last check, so before the next one is due.
    const cutAt = dueAt ?? (await this.#ctx.storage.getAlarm()) ?? noted.seen_at;
    const heardAt = connected ? now : last ? this.#heardAt(last, now) : Math.min(now, cutAt);
    const resources = last ? linkOf(last).resources : null;
    const seen_at = Math.max(noted.seen_at, heardAt);
    await this.#write({ ...noted, connected, seen_at }, resources ? { resources } : {});
  }

  /** A close that the platform noticed late says nothing about the time before. */
  #heardAt(socket: WebSocket, now: number): number {
    const pinged = pingedAt(this.#ctx, socket);
    return now - pinged <= limits.control.hostSilenceMsMax ? now : pinged;
  }

  async #write(next: Noted, more: Partial<NodeRow>, event?: ReturnType<typeof upgradeEvent>): Promise<boolean> {
    const { node, connected, seen_at } = next;
    if (!(await markPresence(this.#env.DB, node, { ...more, connected, seen_at }, event))) {
      await this.#ctx.storage.delete(key);
      return false;
    }
    await this.#ctx.storage.put(key, next);
    if (connected) await this.#setAlarm();
    return true;
  }

  #setAlarm(): Promise<void> {
    return this.#ctx.storage.setAlarm(Date.now() + limits.control.presenceCheckMs);
  }

  /** One after another, so that the last word is the true one (C6). */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

const key = 'presence';
const dayMs = 24 * 3_600_000;
