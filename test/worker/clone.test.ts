import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { closeCodes, type Link } from '../../worker/objects/host-connection/control-socket.ts';
import { connect, dial, dialResponse, type FakeAgent, hello, waiting } from './support/agent.ts';
import { answerAll } from './support/answers.ts';
import { call, tokenWith } from './support/api.ts';
import { auditOf } from './support/databases.ts';
import { connection, stubOf, twoHosts, underWay } from './support/hosts.ts';
import { agentToken, type JoinedNode, join } from './support/node.ts';
import { insertStack } from './support/records.ts';

const copyOf = 'process-on-a-copied-machine';
const warnings = async (token: string, { id }: { id: string }) =>
  (await call('GET', `/api/v1/hosts/${id}`, { token })).body.warnings;

/** A second machine with the host's key: refused as long as the first one answers. */
async function contest(node: JoinedNode): Promise<FakeAgent> {
  const copy = await dial(node);
  copy.say(hello(node, copyOf));
  expect(await copy.end()).toMatchObject({ code: closeCodes.cloned });
  return copy;
}

describe('a copied certificate', () => {
  it('is noticed when both machines are alive: the first stays, the second is refused, and it shows', async () => {
    const { admin, a } = await twoHosts();
    const first = await connect(a);
    answerAll(first);
    expect(await warnings(admin, a)).toEqual([]);
    const copy = await contest(a);
    expect(copy.got).toEqual([]);
    expect(first.closed).toBeNull();
    expect(await connection(a).online()).toBe(true);
    const [warning] = await warnings(admin, a);
    expect(warning).toMatchObject({ code: 'certificate_cloned', at: expect.any(String) });
    expect(warning.message).toContain('delete the host');
    await contest(a);
    const entries = await auditOf(admin, '&act=certificate_cloned');
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      actor: { kind: 'host', id: a.id, name: 'a' },
      code: 'certificate_cloned',
      objects: { host: a.id },
    });
  });

  it('is noticed although the first one answers within the millisecond of the question', async () => {
    const { a } = await twoHosts();
    answerAll(await connect(a));
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    onTestFinished(() => void vi.useRealTimers());
    await contest(a);
  });

  it('gains no command and no answer is taken from it', async () => {
    const { a, b } = await twoHosts();
    const first = await connect(a);
    answerAll(first, () => null);
    const { command } = await underWay(a, b);
    const copy = await dial(a);
    copy.say(hello(a, copyOf));
    copy.say({ type: 'result', command_id: command, outcome: { ok: true, data: {} } });
    await connection(a).deliverOwed();
    expect(await copy.end()).toMatchObject({ code: closeCodes.cloned });
    expect(copy.got).toEqual([]);
    const row = await env.DB.prepare('SELECT closed_at FROM command WHERE id = ?').bind(command).first();
    expect(row).toEqual({ closed_at: null });
    expect((await first.take('command')).id).toBe(command);
  });

  it('keeps its host from taking anything new on, while what runs goes on', async () => {
    const { admin, a, b } = await twoHosts();
    const relay = await join(admin, 'relay', 'r');
    for (const node of [a, b, relay]) answerAll(await connect(node));
    await insertStack('shop', a.id);
    const preflight = async () =>
      (await call('POST', '/api/v1/stacks/shop/migrate/preflight', { token: admin, body: { target_host_id: b.id } }))
        .body;
    expect((await preflight()).passed).toBe(true);
    await contest(b);
    const report = await preflight();
    expect(report.passed).toBe(false);
    const target = report.checks.find(({ name }: { name: string }) => name === 'target_online');
    expect(target).toMatchObject({ status: 'fail', detail: expect.stringContaining('certificate') });
    const asked = await connection(b).request('command_status', { command_id: 'x' }, 1_000);
    expect(asked).toMatchObject({ ok: true });
    // Nobody came for a while: it is trusted again, and the warning stays.
    await runInDurableObject(stubOf(b), (_, { storage }) =>
      storage.put('cloned_at', Date.now() - limits.control.clonedHoldMs),
    );
    expect((await preflight()).passed).toBe(true);
    expect(await warnings(admin, b)).toHaveLength(1);
  });

  it('that takes turns with the real host under the same process id is noticed too', async () => {
    const { admin, a } = await twoHosts();
    await connect(a);
    for (let turn = 0; turn < limits.control.takeoversPerMinuteMax; turn++) await connect(a);
    expect(await warnings(admin, a)).toHaveLength(1);
  });

  it('of a relay is noticed as well', async () => {
    const token = await tokenWith(['admin']);
    const relay = await join(token, 'relay', 'r');
    answerAll(await connect(relay));
    await contest(relay);
    const { body } = await call('GET', `/api/v1/relays/${relay.id}`, { token });
    expect(body.warnings).toHaveLength(1);
  });
});

describe('a host that comes back', () => {
  afterEach(() => vi.useRealTimers());

  it('F18: as a new process takes the place of a leftover that shows no life, without an alarm', async () => {
    const { admin, a } = await twoHosts();
    const leftover = await connect(a);
    await runInDurableObject(stubOf(a), (_, state) => {
      for (const socket of state.getWebSockets())
        socket.serializeAttachment({
          ...(socket.deserializeAttachment() as Link),
          connected_at: Date.now() - limits.control.hostSilenceMsMax - 1,
        });
    });
    await connect(a, 'process-after-the-power-cut');
    expect(await leftover.end()).toMatchObject({ code: closeCodes.replaced });
    expect(await warnings(admin, a)).toEqual([]);
  });

  it('F18: within the silence bound waits for a sign of life of the leftover, and none comes', async () => {
    const { admin, a } = await twoHosts();
    const leftover = await connect(a);
    const next = await dial(a);
    next.say(hello(a, 'process-after-the-power-cut'));
    // The contest has begun.
    await leftover.take('request');
    expect(next.got).toEqual([]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + limits.control.contestMsMax });
    await next.take('welcome');
    expect(await leftover.end()).toMatchObject({ code: closeCodes.replaced });
    expect(await warnings(admin, a)).toEqual([]);
  });

  it('after its old process has ended is welcomed at once', async () => {
    const { admin, a } = await twoHosts();
    const old = await connect(a);
    old.socket.close(1000);
    await vi.waitFor(async () => expect(await connection(a).online()).toBe(false), waiting);
    await connect(a, 'process-after-a-restart');
    expect(await warnings(admin, a)).toEqual([]);
  });

  it('a connection without a hello does not disturb the one that is there', async () => {
    const { a } = await twoHosts();
    const first = await connect(a);
    const silent = [await dial(a), await dial(a)];
    expect(await silent[0]!.end()).toMatchObject({ code: closeCodes.replaced });
    expect(await connection(a).online()).toBe(true);
    expect([first.closed, silent[1]!.closed]).toEqual([null, null]);
  });
});

describe('revoking', () => {
  it('B27: a deleted host that its connection object alone remembers is refused by name', async () => {
    const { a } = await twoHosts();
    await connection(a).revokeNow();
    const response = await dialResponse(await agentToken(a));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'host_revoked' });
  });
});
