import { env, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import { type NotificationKind, webhookKinds } from '../../schema/webhook-kinds.ts';
import type { Reply } from '../support/receiver-script.ts';
import { call, tokenWith } from './support/api.ts';
import { auditOf, bindingsWith, dump } from './support/databases.ts';
import { accepted } from './support/message-formats.ts';
import { arriving, endpointOf, newReceiver, passTime } from './support/receiver.ts';

const path = '/api/v1/webhooks';
const kinds = webhookKinds.filter((kind) => kind !== 'standard');
const email = { from: 'Stackferry <ferry@example.com>', to: ['ops@example.com'] };
const secretPart = 'SecretPart9';
const secretToken = 'tok.SecretToken9';

/** What a webhook of a kind is registered with. */
const bodyOf = (kind: NotificationKind, host: string) => ({
  kind,
  url: `${host}/${kind === 'ntfy' ? '' : 'services/'}${kind === 'gotify' || kind === 'email' ? 'api' : secretPart}`,
  ...(kind === 'slack' || kind === 'discord' ? {} : { token: secretToken }),
  ...(kind === 'email' ? { email } : {}),
});

async function registered(kind: NotificationKind, ...replies: Reply[]) {
  const receiver = await newReceiver({ replies });
  const token = await tokenWith(['admin']);
  const body = bodyOf(kind, new URL(receiver.url).origin);
  const made = await call('POST', path, { token, body });
  expect(made).toMatchObject({ status: 201, body: { kind, secret: null } });
  return { receiver, token, made: made.body, endpoint: endpointOf(token, made.body.id, '') };
}

describe('a webhook of a kind for people', () => {
  it.each(kinds)('%s: a test arrives in the format of the service, with its token', async (kind) => {
    const { receiver, endpoint, made } = await registered(kind, { status: 200, text: 'ok' });
    await endpoint.act('test');
    await endpoint.delivery({ status: 'delivered' });
    const [heard] = await receiver.heard();
    const text = JSON.stringify(accepted(kind, heard!));
    expect(text).toContain('This is a test from Stackferry');
    expect(text).toContain(`/ui/webhooks/${made.id}`);
    expect(heard!.headers).not.toHaveProperty('webhook-signature');
    const carried = [heard!.headers.authorization, heard!.headers['x-gotify-key']].join(' ');
    expect(carried.includes(secretToken)).toBe(kind === 'ntfy' || kind === 'gotify' || kind === 'email');
    if (kind === 'ntfy') expect(accepted('ntfy', heard!).topic).toBe(secretPart);
    if (kind === 'email') expect(accepted('email', heard!)).toMatchObject(email);
  });

  it.each(kinds)('%s: token and secret URL are in no answer, no row and no audit, even if repeated', async (kind) => {
    const { endpoint, token } = await registered(kind, { status: 400, text: `no: ${secretToken} ${secretPart}` });
    await endpoint.act('test');
    await endpoint.delivery({ attempts: 1 });
    await vi.waitFor(async () => expect((await endpoint.deliveries())[0].last).not.toBeNull(), arriving);
    const shown = [
      await call('GET', path, { token }),
      await endpoint.deliveries(),
      await auditOf(token),
      await dump(),
    ].map((part) => JSON.stringify(part));
    const carried = kind === 'gotify' || kind === 'email' ? [secretToken] : [secretPart];
    for (const text of shown) for (const secret of carried) expect(text).not.toContain(secret);
    if (kind === 'slack') expect(shown[0]).toContain('/services/***');
  });

  it('waits as long as a rate limit asks, in seconds or parts of them', async () => {
    const { endpoint } = await registered('discord', { status: 429, headers: { 'retry-after': '7200.5' } });
    await endpoint.act('test');
    await endpoint.delivery({ attempts: 1 });
    await vi.waitFor(async () => expect((await endpoint.deliveries())[0].last).not.toBeNull(), arriving);
    const [{ next_attempt_at, last }] = await endpoint.deliveries();
    expect(Date.parse(next_attempt_at) - Date.parse(last.at)).toBeGreaterThanOrEqual(7_200_500);
  });

  it('B21 does not follow a redirect, and is tried again with the same key', async () => {
    const elsewhere = await newReceiver();
    const { receiver, endpoint } = await registered(
      'email',
      { status: 307, headers: { location: elsewhere.url } },
      { status: 200 },
    );
    await endpoint.act('test');
    await endpoint.delivery({ attempts: 1 });
    await vi.waitFor(async () => expect((await endpoint.deliveries())[0].last).not.toBeNull(), arriving);
    await passTime();
    await endpoint.delivery({ status: 'delivered' });
    const keys = (await receiver.heard()).map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
    expect(await elsewhere.heard()).toEqual([]);
  });

  it('gets a new token and a new secret URL; without them it fails and says so', async () => {
    const { receiver, endpoint, token, made } = await registered('ntfy', { status: 200 });
    const origin = new URL(receiver.url).origin;
    const change = (body: object) => call('PATCH', `${path}/${made.id}`, { token, body });
    expect((await change({ token: 'tk_new' })).status).toBe(200);
    expect((await change({ url: `${origin}/another` })).body.url).toBe(`${origin}/***`);
    await endpoint.act('test');
    await endpoint.delivery({ status: 'delivered' });
    const [heard] = await receiver.heard();
    expect(heard!.headers.authorization).toBe('Bearer tk_new');
    expect(accepted('ntfy', heard!).topic).toBe('another');

    const fleet = env.FLEET_AUTHORITY.get(env.FLEET_AUTHORITY.idFromName('fleet'));
    const keys = () => runInDurableObject(fleet, async (_, { storage }) => [...(await storage.list()).keys()]);
    expect(await keys()).toContain(`webhook ${made.id}`);
    await runInDurableObject(fleet, (_, { storage }) => storage.delete(`webhook ${made.id}`));
    await endpoint.act('test');
    await vi.waitFor(async () => {
      const [{ last }] = await endpoint.deliveries();
      expect(last.error).toContain('set it again');
    }, arriving);
  });

  it('loses its token by null, if the kind can do without; what a change omits stays', async () => {
    const { receiver, endpoint, token, made } = await registered('ntfy', { status: 200 });
    const change = (id: string, body: object) => call('PATCH', `${path}/${id}`, { token, body });
    const { body: shown } = await call('GET', `${path}/${made.id}`, { token });
    expect(await change(made.id, {})).toMatchObject({ status: 200, body: shown });
    expect(await change(made.id, { token: null })).toMatchObject({ status: 200, body: shown });
    await endpoint.act('test');
    await endpoint.delivery({ status: 'delivered' });
    const [heard] = await receiver.heard();
    expect(heard!.headers).not.toHaveProperty('authorization');
    expect(accepted('ntfy', heard!).topic).toBe(secretPart);
    const { made: needing } = await registered('gotify', {});
    expect(await change(needing.id, { token: null })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'token' }] },
    });
  });

  it('is deleted with its credential', async () => {
    const { token, made } = await registered('gotify', {});
    await call('DELETE', `${path}/${made.id}`, { token });
    const fleet = env.FLEET_AUTHORITY.get(env.FLEET_AUTHORITY.idFromName('fleet'));
    const keys = await runInDurableObject(fleet, async (_, { storage }) => [...(await storage.list()).keys()]);
    expect(keys).not.toContain(`webhook ${made.id}`);
  });

  it('has no signing secret to rotate', async () => {
    const { endpoint } = await registered('slack', {});
    expect(await endpoint.act('rotate', {})).toMatchObject({ status: 409, body: { code: 'webhook_unsigned' } });
  });

  const url = 'https://hooks.example.com/topic';
  it.each([
    ['an unknown kind', { kind: 'teams' }, 'kind'],
    ['a Gotify without a token', { kind: 'gotify' }, 'token'],
    ['an email without addresses', { kind: 'email', token: 're_1' }, 'email'],
    ['an email to something else', { kind: 'email', token: 're_1', email: { ...email, to: ['ops'] } }, 'email.to.0'],
    [
      'a sender with a line break',
      { kind: 'email', token: 're_1', email: { ...email, from: 'a\r\nb: <c@d.e>' } },
      'email.from',
    ],
    ['a Slack with a token', { kind: 'slack', token: 'xoxb-1' }, 'token'],
    ['a standard one with a token', { token: 'abc' }, 'token'],
    ['a token that would end its header', { kind: 'gotify', token: 'a\r\nb' }, 'token'],
  ])('B8 refuses %s', async (_, body, field) => {
    const token = await tokenWith(['admin']);
    const refused = await call('POST', path, { token, body: { url, ...body } });
    expect(refused).toMatchObject({ status: 422, body: { code: 'invalid_request', errors: [{ path: field }] } });
  });

  it.each([
    ['ntfy', 'https://ntfy.sh/'],
    ['ntfy', 'https://ntfy.sh/a/b'],
    ['ntfy', 'https://ntfy.sh/topic?auth=abc'],
    ['slack', 'http://hooks.slack.com/services/T/B/X'],
    ['discord', 'https://localhost/api/webhooks/1/x'],
    ['discord', 'https://discord.com/api/webhooks/1/SecretPart9/slack'],
    ['gotify', 'https://push.example.com/message?token=A1'],
    ['email', 'https://api.example.com/send?api_key=A1'],
  ])('B20 refuses a webhook of the kind %s at %s', async (kind, bad) => {
    const token = await tokenWith(['admin']);
    const body = { ...bodyOf(kind as NotificationKind, ''), url: bad };
    const refused = await call('POST', path, { token, body });
    expect(refused).toMatchObject({ status: 422, body: { code: 'url_refused' } });
  });

  it('links to the public origin where the control plane knows one', async () => {
    const receiver = await newReceiver({ replies: [{ status: 200 }] });
    const token = await tokenWith(['admin']);
    const bound = bindingsWith({ PUBLIC_URL: 'https://ferry.example.com' });
    const made = await call('POST', path, { token, bound, body: bodyOf('slack', new URL(receiver.url).origin) });
    await endpointOf(token, made.body.id, '').act('test');
    await vi.waitFor(async () => {
      const [heard] = await receiver.heard();
      expect(heard?.body).toContain(`https://ferry.example.com/ui/webhooks/${made.body.id}`);
    }, arriving);
  });
});
