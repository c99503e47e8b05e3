import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import type { RequestKind } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { closeCodes, type Link } from '../../worker/objects/host-connection/control-socket.ts';
import { connect, dial, dialResponse, hello, waiting } from './support/agent.ts';
import { call } from './support/api.ts';
import { connection, stubOf, twoHosts, underWay } from './support/hosts.ts';
import { agentToken, join } from './support/node.ts';

describe('a host’s connection', () => {
  it('welcomes a host and shows it online until it leaves', async () => {
    const { a, admin } = await twoHosts();
    expect(await connection(a).online()).toBe(false);
    const agent = await dial(a);
    expect(await connection(a).online()).toBe(false);
    agent.say(hello(a));
    expect(await agent.take('welcome')).toMatchObject({ id: a.id, fleet_id: a.fleet_id, relay: null });
    expect(await connection(a).online()).toBe(true);
    const show = async () => (await call('GET', `/api/v1/hosts/${a.id}`, { token: admin })).body;
    expect(await show()).toMatchObject({ status: 'online', agent_version: '0.1.0' });
    agent.socket.close(1000, 'bye');
    await vi.waitFor(async () => expect(await show()).toMatchObject({ status: 'offline' }), waiting);
  });

  it('gives a relay the ticket key and the revoked hosts, and tells it of new ones', async () => {
    const { admin, a, b } = await twoHosts();
    const relay = await join(admin, 'relay', 'r');
    await call('DELETE', `/api/v1/hosts/${a.id}`, { token: admin });
    const agent = await dial(relay);
    agent.say(hello(relay));
    const welcome = await agent.take('welcome');
    expect(welcome.relay?.revoked).toEqual([a.id]);
    expect(welcome.relay?.ticket_key).toMatchObject({ kty: 'EC', crv: 'P-256' });
    expect(welcome.relay?.ticket_key).not.toHaveProperty('d');
    await call('DELETE', `/api/v1/hosts/${b.id}`, { token: admin });
    expect(await agent.take('revoked')).toMatchObject({ host_id: b.id });
    const { body } = await call('GET', `/api/v1/relays/${relay.id}`, { token: admin });
    expect(body.address).toEqual({ host: '127.0.0.1', port: 22067 });
  });

  it('asks the host and gives its answer, its failure, or a timeout', async () => {
    const { a } = await twoHosts();
    const agent = await connect(a);
    const ask = (timeoutMs: number) => connection(a).request('command_status', { command_id: 'x' }, timeoutMs);
    const first = ask(5_000);
    const request = await agent.take('request');
    expect(request).toMatchObject({ kind: 'command_status', payload: { command_id: 'x' } });
    agent.say({ type: 'answer', request_id: request.id, outcome: { ok: true, data: { state: 'running', more: 1 } } });
    expect(await first).toEqual({ ok: true, data: { state: 'running' } });

    const second = ask(5_000);
    const error = { code: 'engine_unreachable' as const, message: 'no engine', log_tail: [] };
    agent.say({ type: 'answer', request_id: (await agent.take('request')).id, outcome: { ok: false, error } });
    expect(await second).toEqual({ ok: false, error });

    const third = ask(5_000);
    agent.say({ type: 'answer', request_id: (await agent.take('request')).id, outcome: { ok: true, data: 'junk' } });
    expect(await third).toMatchObject({ ok: false, error: { code: 'command_failed' } });

    expect(await ask(50)).toMatchObject({ ok: false, error: { code: 'command_timeout' } });
  });

  it('answers for a host that is not there, or leaves while it is asked', async () => {
    const { a } = await twoHosts();
    const ask = () => connection(a).request('probe' satisfies RequestKind, { relays: [] }, 5_000);
    expect(await ask()).toMatchObject({ ok: false, error: { code: 'host_offline' } });
    const agent = await connect(a);
    const asked = ask();
    await agent.take('request');
    agent.socket.close(1000);
    expect(await asked).toMatchObject({ ok: false, error: { code: 'host_offline' } });
  });

  it('a newer connection of the same host takes the older one’s place', async () => {
    const { a } = await twoHosts();
    const older = await connect(a);
    const newer = await connect(a);
    expect(await older.end()).toMatchObject({ code: closeCodes.replaced });
    expect(await connection(a).online()).toBe(true);
    const asked = connection(a).request('command_status', { command_id: 'x' }, 100);
    await newer.take('request');
    await asked;
  });

  it('revoking a host closes its connection at once and for good', async () => {
    const { a, admin } = await twoHosts();
    const agent = await connect(a);
    expect((await call('DELETE', `/api/v1/hosts/${a.id}`, { token: admin })).status).toBe(204);
    expect(await agent.end()).toMatchObject({ code: closeCodes.revoked });
    expect(await connection(a).online()).toBe(false);
    expect((await dialResponse(await agentToken(a))).status).toBe(403);
  });

  it('answers pings without waking, and goes on after hibernation', async () => {
    const { a } = await twoHosts();
    const agent = await connect(a);
    let pongs = 0;
    agent.socket.addEventListener('message', ({ data }) => {
      if (data === 'pong') pongs += 1;
    });
    await evictDurableObject(stubOf(a));
    agent.socket.send('ping');
    await vi.waitFor(() => expect(pongs).toBe(1), waiting);
    expect(await connection(a).online()).toBe(true);
    const asked = connection(a).request('command_status', { command_id: 'x' }, 5_000);
    const { id } = await agent.take('request');
    agent.say({ type: 'answer', request_id: id, outcome: { ok: true, data: { state: 'done' } } });
    expect(await asked).toEqual({ ok: true, data: { state: 'done' } });
  });

  it('F18: a half-open connection is offline once no ping was answered within the bound', async () => {
    const { a, admin } = await twoHosts();
    const agent = await connect(a);
    const age = (ms: number) =>
      runInDurableObject(stubOf(a), (_, state) => {
        for (const socket of state.getWebSockets()) {
          const link = socket.deserializeAttachment() as Link;
          socket.serializeAttachment({ ...link, connected_at: Date.now() - ms });
        }
      });
    await age(limits.control.hostSilenceMsMax - 1_000);
    expect(await connection(a).online()).toBe(true);
    await age(limits.control.hostSilenceMsMax + 1);
    expect(await connection(a).online()).toBe(false);
    expect(await connection(a).request('probe', { relays: [] }, 100)).toMatchObject({
      error: { code: 'host_offline' },
    });
    expect((await call('GET', `/api/v1/hosts/${a.id}`, { token: admin })).body.status).toBe('offline');
    agent.socket.send('ping');
    await vi.waitFor(async () => expect(await connection(a).online()).toBe(true), waiting);
  });

  it('F5: a deploy cuts the connection; the host comes back and gets what is owed', async () => {
    const { a, b } = await twoHosts();
    await connect(a);
    const { command } = await underWay(a, b);
    await abortAllDurableObjects();
    expect(await connection(a).online()).toBe(false);
    const agent = await connect(a);
    expect(await agent.take('command')).toMatchObject({ id: command });
    expect(await connection(a).online()).toBe(true);
  });

  it.each([
    ['no JSON', 'hello'],
    ['an unknown type', '{"type":"rm"}'],
    ['a missing field', '{"type":"result"}'],
    ['metrics before hello', '{"type":"inventory","stacks":[]}'],
    ['a giant message', JSON.stringify({ type: 'x', pad: 'x'.repeat(limits.control.messageBytesMax) })],
  ])('B8: %s ends the connection', async (_, text) => {
    const { a } = await twoHosts();
    const agent = await dial(a);
    agent.socket.send(text);
    expect(await agent.end()).toMatchObject({ code: closeCodes.refused });
  });
});
