import type { TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { keepConnected, patienceMs, type SessionEnd } from '../../agent/transfer/reconnect.ts';
import { limits } from '../../schema/limits.ts';

const minute = 60_000;

test('P23: the longer a copy took, the longer an interruption of it is waited for, within a bound', () => {
  const after = (spentMs: number) => patienceMs(spentMs, limits.stream);
  expect(after(0)).toBe(2 * minute);
  expect(after(60 * minute)).toBe(6 * minute);
  expect(after(20 * 60 * minute)).toBe(15 * minute);
});

test('P23: a copy under way outlives an interruption that would have ended it at its beginning', async () => {
  const bounds = {
    ...limits.stream,
    reconnectMsMax: 500,
    patiencePart: 5,
    patienceMsMax: 30_000,
    reconnectDelayMsMax: 50,
  };
  let progress = 0;
  let backAt = 0;
  /** The first connection carries for `carryMs`, then the peer is away for `awayMs`. */
  const carry = (carryMs: number, awayMs: number) =>
    keepConnected<string>({
      connect: async () => {
        if (Date.now() < backAt) throw new Error('no way to the peer');
        return {} as TLSSocket;
      },
      session: async (): Promise<SessionEnd<string>> => {
        if (progress > 0) return { kind: 'done', value: 'carried' };
        await new Promise((resolve) => setTimeout(resolve, carryMs));
        progress += 1;
        backAt = Date.now() + awayMs;
        return { kind: 'interrupted', error: new Error('cut') };
      },
      progress: () => progress,
      signal: new AbortController().signal,
      bounds,
      withoutProgressMsMax: (spentMs) => patienceMs(spentMs, bounds),
      observe: () => {},
    });
  await expect(carry(0, 60_000)).rejects.toMatchObject({ code: 'transfer_interrupted' });
  [progress, backAt] = [0, 0];
  expect(await carry(1_000, 2_000)).toBe('carried');
});
