import { type ForwardingPhase, perMinute, type TrafficReport } from './forwarding.ts';
import { isTerminal, type Status } from './migration-status.ts';

type PortTraffic = TrafficReport['ports'][number];

const steps = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.5 GiB`. */
export function bytes(count: number): string {
  let value = count;
  let step = 0;
  for (; value >= 1000 && step < steps.length - 1; step++) value /= 1024;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${steps[step]}`;
}

/** `1.5 of 20.0 GiB`, `900 MiB of 1.0 GiB`; only `done` if the total is unknown. */
export function share(done: number, total: number | null): string {
  if (total === null) return bytes(done);
  const [value, unit] = bytes(done).split(' ');
  const whole = bytes(total);
  return done === 0 || whole.endsWith(` ${unit}`) ? `${value} of ${whole}` : `${value} ${unit} of ${whole}`;
}

/** `0:08`, `12:34`, `1:02:03`. */
export function clock(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  const [first = 0, ...rest] = parts[0] === 0 ? parts.slice(1) : parts;
  return [first, ...rest.map((part) => String(part).padStart(2, '0'))].join(':');
}

export const sizeOr = (count: number | null, unknown: string) => (count === null ? unknown : bytes(count));

/** By the latest pass of a migration that holds. */
export const downtimeIfCutOver = ({ seconds }: { seconds: number }) =>
  `downtime if you cut over now: about ${seconds} s, and what the containers take to stop and start`;

export const rate = (bytesPerSecond: number) => `${bytes(bytesPerSecond)}/s`;

/** A limit, in the powers of ten that it is given in: `2 MB/s`, `500 kB/s`. */
export function rateLimit(bytesPerSecond: number): string {
  const [factor, unit] = bytesPerSecond >= 1e9 ? [1e9, 'GB'] : bytesPerSecond >= 1e6 ? [1e6, 'MB'] : [1e3, 'kB'];
  return `${Number((bytesPerSecond / factor).toFixed(3))} ${unit}/s`;
}

/** `0.4 s`, `2 s`, `12 s`, `3 min 5 s`, `2 h 4 min`, `3 d 1 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return pair(seconds, 60, 'min', 1, 's');
  if (seconds < 86_400) return pair(seconds, 3600, 'h', 60, 'min');
  return pair(seconds, 86_400, 'd', 3600, 'h');
}

function pair(seconds: number, big: number, bigName: string, small: number, smallName: string): string {
  const whole = Math.floor(seconds / big);
  const rest = Math.floor((seconds % big) / small);
  return rest === 0 ? `${whole} ${bigName}` : `${whole} ${bigName} ${rest} ${smallName}`;
}

export function ago(time: string | null, now = Date.now()): string {
  if (time === null) return 'never';
  const ms = now - Date.parse(time);
  return ms < 30_000
    ? 'just now'
    : `${duration(ms).replace(/ (\d+ s|\d+ min)$/, (rest) => (ms < 3_600_000 ? '' : rest))} ago`;
}

/** Hours of changes that a rollback discards. */
export const hours = (many: number) => (many < 0.1 ? 'less than 0.1 hours' : `${Number(many.toFixed(1))} hours`);

/** `2026-11-24 01:02 UTC`. */
export const moment = (time: string) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;

/** `1 volume`, `3 volumes`. */
export const count = (many: number, noun: string) => `${many} ${noun}${many === 1 ? '' : 's'}`;

/** Where new connections to the old address go, in a migration of this status. */
export function forwardingSays(phase: ForwardingPhase, status: Status): string {
  const atHome = 'reach the stack on the source';
  if (phase === 'planned' && status === 'completed') return 'are not passed on: the stack publishes no port';
  if (phase === 'ended' && status === 'rolled_back') return atHome;
  if (phase === 'planned') return isTerminal(status) ? atHome : `${atHome}, until it stops`;
  return {
    holding: 'wait until the stack runs again',
    forwarding: 'are passed on to the target',
    released: atHome,
    ended: 'are not passed on any more',
  }[phase];
}

/** Of all ports: whether somebody would be cut off, in one sentence. */
export function stillComing({ ports, spliced }: Pick<TrafficReport, 'ports' | 'spliced'>): string {
  const now = perMinute({ ports });
  const idle = ports.flatMap(({ idle_ms }) => (idle_ms === null ? [] : [idle_ms]));
  if (now > 0) return `Clients still use the old address: ${now} connections a minute. They will be refused.`;
  if (spliced > 0) return `Clients still use the old address: ${count(spliced, 'connection')} open. They will be cut.`;
  return idle.length === 0
    ? 'No client has used the old address since the source began to count.'
    : `No client has used the old address for ${duration(Math.min(...idle))}.`;
}

/** With the end of forwarding: whom it concerns, by the connections of the minute before. */
export const comingSays = (connections: number): string =>
  connections === 0
    ? 'Nobody came to the old address in the last minute.'
    : `${count(connections, 'connection')} came to the old address in the last minute; later ones are refused.`;

/** How busy a port of the old address still is. A purge is safe once that is nothing for long enough. */
export function trafficSays({ per_minute, total, idle_ms }: PortTraffic): string {
  if (idle_ms === null) return 'no connection yet';
  const last = per_minute > 0 ? `${per_minute} a minute` : `none for ${duration(idle_ms)}`;
  return `${last}, ${total} in all`;
}
