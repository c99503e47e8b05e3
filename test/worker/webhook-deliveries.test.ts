import { afterEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../schema/limits.ts';
import type { Heard, Reply } from '../support/receiver-script.ts';
import { tokenWith } from './support/api.ts';
import { arriving, newReceiver, passTime, register, sweep, verified } from './support/receiver.ts';

async function endpointAt(...replies: Reply[]) {
  const receiver = await newReceiver({ replies });
  const token = await tokenWith(['admin']);
  return { receiver, endpoint: await register(token, receiver.url) };
}

/** A `webhook.test` and its first try. */
async function tried(...replies: Reply[]) {
  const { receiver, endpoint } = await endpointAt(...replies);
  await endpoint.act('test');
  const delivery = await endpoint.delivery({ attempts: 1 });
  await vi.waitFor(async () => expect((await endpoint.deliveries())[0].last).not.toBeNull(), arriving);
  return { receiver, endpoint, event_id: delivery.event_id, ...(await endpoint.deliveries())[0] };
}

afterEach(() => void vi.useRealTimers());

describe('a webhook delivery', () => {
  it('is signed so that the Standard Webhooks library verifies it', async () => {
    const { receiver, endpoint, event_id, last } = await tried({ status: 200, text: 'thanks' });
    expect(last).toMatchObject({ answer_status: 200, answer: 'thanks', error: null });
    const [heard] = await receiver.heard();
    expect(verified(endpoint.secret, heard!)).toMatchObject({ id: event_id, event: { type: 'webhook.test' } });
    expect(heard!.headers['content-type']).toBe('application/json');
  });

  it('B24 does not verify once it is altered, signed by another, or replayed later', async () => {
    const { receiver, endpoint } = await tried({});
    const heard = (await receiver.heard())[0]!;
    const other = await register(await tokenWith(['admin']), receiver.url);
    const withHeader = (name: string, value: string) => ({ ...heard, headers: { ...heard.headers, [name]: value } });
    expect(() => verified(other.secret, heard)).toThrow(/signature/i);
    expect(() => verified(endpoint.secret, { ...heard, body: heard.body.replace('test', 'tost') })).toThrow(
      /signature/i,
    );
    expect(() => verified(endpoint.secret, withHeader('webhook-id', 'evt_another'))).toThrow(/signature/i);
    const later = Math.floor(Date.now() / 1000) + 1;
    expect(() => verified(endpoint.secret, withHeader('webhook-timestamp', String(later)))).toThrow(/signature/i);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 600_000 });
    expect(() => verified(endpoint.secret, heard)).toThrow(/too old/i);
  });

  it('B21 is not sent on where a redirect leads: that is a failed try', async () => {
    const elsewhere = await newReceiver();
    const { receiver, status, last } = await tried({ status: 307, headers: { location: elsewhere.url } });
    expect({ status, error: last.error }).toEqual({
      status: 'pending',
      error: 'It answered 307: redirects are not followed.',
    });
    expect(await elsewhere.heard()).toEqual([]);
    expect(await receiver.heard()).toHaveLength(1);
  });

  it.each<[string, Reply]>([
    ['never ends', { status: 200, endless: true }],
    ['is huge', { status: 200, text: 'y'.repeat(4 * 1024 * 1024) }],
  ])('B23 counts by its status where the answer %s, of which the first bytes are kept', async (_, reply) => {
    const { status, last } = await tried(reply);
    expect(status).toBe('delivered');
    expect(last.answer).toHaveLength(limits.webhook.answerBytesMax);
    expect(last.took_ms).toBeLessThan(limits.webhook.sendMsMax);
  });

  it('is tried again where the receiver hangs up after it has heard all', async () => {
    const { receiver, endpoint, status, last } = await tried({ drop: true }, { status: 204 });
    expect(status).toBe('pending');
    expect(last).toMatchObject({ answer_status: null, error: expect.any(String) });
    await passTime();
    await endpoint.delivery({ status: 'delivered' });
    const ids = (await receiver.heard()).map((heard: Heard) => verified(endpoint.secret, heard).id);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it('waits as long as a busy receiver asks', async () => {
    const { next_attempt_at, last } = await tried({ status: 503, headers: { 'retry-after': '7200' } });
    expect(Date.parse(next_attempt_at) - Date.parse(last.at)).toBeGreaterThanOrEqual(7_200_000);
  });

  it('disables an endpoint that answers 410, and leaves nothing waiting for it', async () => {
    const { endpoint, status } = await tried({ status: 410 });
    expect(status).toBe('dead');
    const refused = await endpoint.act('test');
    expect(refused).toMatchObject({ status: 409, body: { code: 'webhook_disabled' } });
  });

  it('is signed by both secrets while one takes over from the other', async () => {
    const { receiver, endpoint } = await endpointAt({});
    const { body } = await endpoint.act('rotate', { overlap_s: 3_600 });
    await endpoint.act('test');
    await endpoint.delivery({ status: 'delivered' });
    const [heard] = await receiver.heard();
    for (const secret of [endpoint.secret, body.secret])
      expect(verified(secret, heard!).event.type).toBe('webhook.test');
    const { body: last } = await endpoint.act('rotate', { overlap_s: 0 });
    await endpoint.act('test');
    await vi.waitFor(async () => expect(await receiver.heard()).toHaveLength(2), arriving);
    const [, second] = await receiver.heard();
    expect(verified(last.secret, second!).event.type).toBe('webhook.test');
    expect(() => verified(body.secret, second!)).toThrow(/signature/i);
  });

  it('F37 is tried over about three days, then is a dead letter that a replay delivers under its id', async () => {
    const { retryDelaysMs, retryJitter } = limits.webhook;
    const { receiver, endpoint, event_id } = await tried({ status: 500, text: 'down' });
    for (const [index, delayMs] of retryDelaysMs.entries()) {
      const { status, attempts, next_attempt_at, last } = (await endpoint.deliveries())[0];
      expect({ status, attempts }).toEqual({ status: 'pending', attempts: index + 1 });
      const waitMs = Date.parse(next_attempt_at) - Date.parse(last.at) - last.took_ms;
      expect(Math.abs(waitMs - delayMs)).toBeLessThanOrEqual(delayMs * retryJitter + 1_000);
      await passTime();
      await vi.waitFor(async () => {
        const [delivery] = await endpoint.deliveries();
        expect(delivery).toMatchObject({ attempts: index + 2 });
        expect(delivery.last.at).not.toBe(last.at);
      }, arriving);
    }
    const days = retryDelaysMs.reduce((sum, ms) => sum + ms, 0) / 86_400_000;
    expect(days).toBeGreaterThan(2.5);
    expect(days).toBeLessThan(3.5);
    const tries = retryDelaysMs.length + 1;
    expect(await endpoint.deliveries('&status=dead')).toMatchObject([{ event_id, attempts: tries }]);
    await sweep();
    expect(await receiver.heard()).toHaveLength(tries);

    await receiver.answer({});
    expect(await endpoint.act('replay')).toMatchObject({ status: 202, body: { replayed: 1 } });
    await endpoint.delivery({ status: 'delivered' });
    const [heard] = await receiver.heard();
    expect(verified(endpoint.secret, heard!).id).toBe(event_id);
  });
});
