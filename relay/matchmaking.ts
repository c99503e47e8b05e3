import { randomBytes } from 'node:crypto';
import type net from 'node:net';
import type { Pace } from '../node/throttle.ts';
import { forwardLane } from '../schema/forwarding.ts';
import { type JoinTicketClaims, joinKeyBytes, type RefusalCode } from '../schema/relay-protocol.ts';
import { type Splice, splice } from './session.ts';

export interface MatchBounds {
  sessionsMax: number;
  sessionsPerHostMax: number;
  waitingMax: number;
  joinWaitMsMax: number;
  joinKeyMsMax: number;
  idleMsMax: number;
}

/** Answers to an admission connection; exactly one of the two is called, once. */
export interface Admission {
  claims: JoinTicketClaims;
  invite(key: string): void;
  refuse(code: RefusalCode): void;
}

interface Session {
  /** As in both tickets. */
  sid: string;
  hosts: [string, string];
  keys: string[];
  joined: net.Socket[];
  /** Ends the session if its first socket closes, or the deadline passes, before the second arrives. */
  giveUp: () => void;
  deadline: NodeJS.Timeout;
  splice: Splice | null;
}

export interface Matchmaking {
  /** Makes the admission wait for its peer. Returns a function that withdraws it. */
  present(admission: Admission): () => void;
  /** Uses up a join key for this socket; returns false if the key is unknown or was used. */
  join(key: string, socket: net.Socket): boolean;
  cutHost(hostId: string): void;
  /** From now on refuses admissions, those that wait too, and ends tunnels; resolves once no session is left. */
  drain(): Promise<void>;
  close(): void;
  counters(): { waiting: number; sessions: number; sessions_total: number; bytes_total: number };
}

/** Pairs two admissions with matching tickets, then the two sockets that bring the keys issued to them. */
export function createMatchmaking(bounds: MatchBounds, pace: Pace): Matchmaking {
  const waiting = new Map<string, Admission & { timer: NodeJS.Timeout }>();
  const sessions = new Set<Session>();
  const byKey = new Map<string, Session>();
  const drained = Promise.withResolvers<void>();
  let draining = false;
  let sessionsTotal = 0;
  let bytesOfClosed = 0;

  const end = (session: Session) => {
    clearTimeout(session.deadline);
    for (const key of session.keys) byKey.delete(key);
    if (session.splice) session.splice.cut();
    else for (const socket of session.joined) socket.destroy();
    if (sessions.delete(session)) bytesOfClosed += session.splice?.bytes() ?? 0;
    if (draining && sessions.size === 0) drained.resolve();
  };

  const withdraw = (sid: string, admission: Admission) => {
    const entry = waiting.get(sid);
    if (entry?.invite !== admission.invite) return;
    clearTimeout(entry.timer);
    waiting.delete(sid);
  };

  const refuseWaiting = () => {
    for (const [sid, entry] of [...waiting]) {
      withdraw(sid, entry);
      entry.refuse('relay_full');
    }
  };

  const refusal = (newcomer: JoinTicketClaims, waiter: JoinTicketClaims | undefined): RefusalCode | null => {
    // Hosts then ask for another relay.
    if (draining || (!waiter && waiting.size >= bounds.waitingMax)) return 'relay_full';
    return waiter && !isPeerOf(newcomer, waiter) ? 'peer_mismatch' : null;
  };

  const invite = (first: Admission, second: Admission) => {
    const hosts: [string, string] = [first.claims.sub, second.claims.sub];
    const full = lackOfRoom([...sessions], hosts, bounds);
    if (full) {
      first.refuse(full);
      second.refuse(full);
      return;
    }
    const keys = [randomBytes(joinKeyBytes).toString('hex'), randomBytes(joinKeyBytes).toString('hex')];
    const deadline = setTimeout(() => session.giveUp(), bounds.joinKeyMsMax);
    const session: Session = {
      sid: first.claims.sid,
      hosts,
      keys,
      joined: [],
      giveUp: () => end(session),
      deadline,
      splice: null,
    };
    sessions.add(session);
    for (const key of keys) byKey.set(key, session);
    first.invite(keys[0]!);
    second.invite(keys[1]!);
  };

  return {
    present: (admission) => {
      const { claims } = admission;
      const waiter = waiting.get(claims.sid);
      const refused = refusal(claims, waiter?.claims);
      if (refused) {
        admission.refuse(refused);
        return () => {};
      }
      if (waiter) {
        withdraw(claims.sid, waiter);
        if (waiter.claims.role !== claims.role) {
          invite(waiter, admission);
          return () => {};
        }
        // The same host has reconnected: its older connection is stale.
        waiter.refuse('superseded');
      }
      const timer = setTimeout(() => {
        withdraw(claims.sid, admission);
        admission.refuse('peer_absent');
      }, bounds.joinWaitMsMax);
      waiting.set(claims.sid, { ...admission, timer });
      return () => withdraw(claims.sid, admission);
    },

    join: (key, socket) => {
      const session = byKey.get(key);
      if (!session) return false;
      byKey.delete(key);
      session.joined.push(socket);
      const [first, second] = session.joined;
      if (!first || !second) {
        socket.once('close', session.giveUp);
        return true;
      }
      clearTimeout(session.deadline);
      first.off('close', session.giveUp);
      sessionsTotal += 1;
      session.splice = splice(first, second, { idleMs: bounds.idleMsMax, pace, onClose: () => end(session) });
      return true;
    },

    cutHost: (hostId) => {
      for (const session of [...sessions]) if (session.hosts.includes(hostId)) end(session);
      for (const [sid, entry] of [...waiting]) {
        if (entry.claims.sub !== hostId && entry.claims.peer !== hostId) continue;
        withdraw(sid, entry);
        entry.refuse(entry.claims.sub === hostId ? 'revoked' : 'peer_absent');
      }
    },

    drain: () => {
      draining = true;
      // It lasts as long as a safety window, and goes on over the next connection.
      for (const session of [...sessions]) if (session.sid.endsWith(`.${forwardLane}`)) end(session);
      refuseWaiting();
      if (sessions.size === 0) drained.resolve();
      return drained.promise;
    },

    close: () => {
      for (const session of [...sessions]) end(session);
      refuseWaiting();
    },

    counters: () => ({
      waiting: waiting.size,
      sessions: sessions.size,
      sessions_total: sessionsTotal,
      bytes_total: [...sessions].reduce((sum, session) => sum + (session.splice?.bytes() ?? 0), bytesOfClosed),
    }),
  };
}

/** Whether both may have the session: as its two sides, or as the same one that has reconnected. */
function isPeerOf(newcomer: JoinTicketClaims, waiter: JoinTicketClaims): boolean {
  if (waiter.role === newcomer.role) return waiter.sub === newcomer.sub;
  return waiter.sub === newcomer.peer && waiter.peer === newcomer.sub && waiter.mig === newcomer.mig;
}

function lackOfRoom(sessions: Session[], hosts: [string, string], bounds: MatchBounds): RefusalCode | null {
  if (sessions.length >= bounds.sessionsMax) return 'relay_full';
  const of = (host: string) => sessions.filter((session) => session.hosts.includes(host)).length;
  return hosts.some((host) => of(host) >= bounds.sessionsPerHostMax) ? 'host_full' : null;
}
