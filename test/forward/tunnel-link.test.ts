import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keepTunnel } from '../../agent/forward/tunnel-link.ts';
import { RelayRefusal } from '../../agent/transfer/relay-admission.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

const { holdMsMax, reconnectDelayMsMin, redialDelayMsMax, reconnectDelayMsMax } = limits.forward;
const unavailable = new StackferryError('relay_unavailable', 'No relay is connected.');

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Keeps a tunnel whose dials end as `answer` says; returns when each was made. */
function keep(answer: () => Error | null, carry: () => Promise<void>) {
  const dials: number[] = [];
  const over = new AbortController();
  const dial = async () => {
    dials.push(performance.now());
    const error = answer();
    if (error) throw error;
    return new net.Socket();
  };
  const ended = keepTunnel({ dial, onInterrupted: () => {}, signal: over.signal }, carry);
  return { dials, ended, end: () => over.abort() };
}

const gaps = (times: number[]) => times.slice(1).map((time, index) => time - times[index]!);
const lived = (ms: number) => new Promise<void>((_, reject) => setTimeout(() => reject(new Error('cut')), ms));

describe('a tunnel whose connection ended', () => {
  it('is dialed often while clients of that moment may be waiting, and then less often', async () => {
    let isAway = false;
    const kept = keep(
      () => (isAway ? unavailable : null),
      () => lived(60_000),
    );
    await vi.advanceTimersByTimeAsync(1_000);
    isAway = true;
    await vi.advanceTimersByTimeAsync(59_000 + 2 * holdMsMax);
    const brokenAt = kept.dials[0]! + 60_000;
    const after = kept.dials.filter((time) => time >= brokenAt);
    expect(after[0]! - brokenAt).toBeLessThanOrEqual(reconnectDelayMsMin);
    expect(Math.max(...gaps(after.filter((time) => time < brokenAt + holdMsMax)))).toBeLessThanOrEqual(
      redialDelayMsMax,
    );
    const late = gaps(after.filter((time) => time > brokenAt + holdMsMax));
    expect(late.length).toBeLessThan((holdMsMax / redialDelayMsMax) * 1.5);
    expect(Math.max(...late)).toBeGreaterThan(redialDelayMsMax);
    expect(Math.max(...late)).toBeLessThanOrEqual(reconnectDelayMsMax);
    kept.end();
    await kept.ended;
  });

  it('is dialed at once however long it took the time before, and however it ended', async () => {
    let refusals = 20;
    const kept = keep(
      () => (refusals-- > 0 ? unavailable : null),
      () => lived(10_000),
    );
    await vi.advanceTimersByTimeAsync(40_000);
    const connected = kept.dials.slice(20);
    expect(connected.length).toBeGreaterThan(2);
    for (const gap of gaps(connected)) expect(gap).toBeLessThanOrEqual(10_000 + reconnectDelayMsMin);
    kept.end();
    await vi.advanceTimersByTimeAsync(10_000);
    await kept.ended;
  });

  it('is dialed with a pause by a host whose peer hangs up at once', async () => {
    const kept = keep(
      () => null,
      () => lived(0),
    );
    await vi.advanceTimersByTimeAsync(holdMsMax);
    expect(kept.dials.length).toBeLessThan((holdMsMax / redialDelayMsMax) * 4);
    kept.end();
    await kept.ended;
  });

  it('goes on when a relay refuses a ticket, but not when the control plane gives none', async () => {
    let error: Error = new RelayRefusal('ticket_refused', 'The relay refused the ticket: ticket_invalid');
    const kept = keep(
      () => error,
      () => lived(0),
    );
    const ended = expect(kept.ended).rejects.toMatchObject({ code: 'ticket_refused' });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(kept.dials.length).toBeGreaterThan(3);
    error = new StackferryError('ticket_refused', 'That migration moves nothing any more.');
    await vi.advanceTimersByTimeAsync(1_000);
    await ended;
  });
});
