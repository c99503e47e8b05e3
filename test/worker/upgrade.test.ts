import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { agentVersion } from '../../node/version.ts';
import type { AgentProgram, Outcome } from '../../schema/agent-protocol.ts';
import { upgradeOutdated } from '../../worker/cron/auto-update.ts';
import { carriedAgent } from '../../worker/store/carried-program.ts';
import { dial, type FakeAgent, hello } from './support/agent.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { type JoinedNode, join } from './support/node.ts';
import { insertMigration, insertStack } from './support/records.ts';

const older: AgentProgram = { sha256: '1'.repeat(64), auto: false, failed: null };
const { sha256: carried } = (await carriedAgent(bindings))!;
const done: Outcome = { ok: true, data: {} };

/** A connected agent of some version, which runs from this program. */
async function connected(node: JoinedNode, program: AgentProgram | null = older, agent_version = '0.1.9') {
  const agent = await dial(node);
  agent.say({ ...hello(node), agent_version, ...(program ? { program } : {}) } as ReturnType<typeof hello>);
  await agent.take('welcome');
  return agent;
}

async function upgrade(node: JoinedNode, scope: 'admin' | 'migrate' = 'admin') {
  return call('POST', `/api/v1/hosts/${node.id}/upgrade`, { token: await tokenWith([scope]) });
}

/** Lets the agent answer its one request. */
async function answering(agent: FakeAgent, outcome: Outcome): Promise<unknown> {
  const { id, kind, payload } = await agent.take('request');
  agent.say({ type: 'answer', request_id: id, outcome });
  return { kind, payload };
}

const newHost = async (name = 'a') => join(await tokenWith(['admin']), 'host', name);
const refusal = (code: string, detail: RegExp) => ({ body: { code, detail: expect.stringMatching(detail) } });

describe('POST /hosts/{id}/upgrade', () => {
  it('asks the host for the agent that is served here, by its digest, and answers once it has it', async () => {
    const host = await newHost();
    const agent = await connected(host);
    const [answer, asked] = await Promise.all([upgrade(host), answering(agent, done)]);
    expect(asked).toEqual({ kind: 'upgrade', payload: { sha256: carried, version: agentVersion, automatic: false } });
    expect(answer).toMatchObject({ status: 202, body: { version: agentVersion, program_sha256: carried } });
    const audit = await env.DB.prepare('SELECT act, status FROM audit ORDER BY id DESC').first();
    expect(audit).toEqual({ act: 'POST /api/v1/hosts/{id}/upgrade', status: 202 });
  });

  it('is for admins', async () => {
    expect(await upgrade(await newHost(), 'migrate')).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  it('passes on what the host refuses, and why', async () => {
    const host = await newHost();
    const agent = await connected(host);
    const why = { code: 'host_busy' as const, message: 'This host has a lease guard.', log_tail: [] };
    const [answer] = await Promise.all([upgrade(host), answering(agent, { ok: false, error: why })]);
    expect(answer).toMatchObject({ status: 409, ...refusal('host_busy', /a lease guard/) });
  });

  it('C7: an agent of 0.1.0 is not asked; the answer has the line that updates it', async () => {
    const host = await newHost();
    const agent = await connected(host, null, '0.1.0');
    expect(await upgrade(host)).toMatchObject({
      status: 409,
      ...refusal('not_upgradable', /is 0\.1\.0, .*curl -fsSL http:\/\/stackferry\.test\/install\.sh \| sudo sh$/),
    });
    expect(agent.got).toEqual([]);
  });

  it('refuses a host that is current, newer, away, or has never been here', async () => {
    const host = await newHost();
    expect(await upgrade(host)).toMatchObject(refusal('host_offline', /has not joined yet/));
    const agent = await connected(host, { ...older, sha256: carried });
    expect(await upgrade(host)).toMatchObject(refusal('already_current', /runs/));
    await connected(host, older, '9.0.0');
    expect(await upgrade(host)).toMatchObject(refusal('not_upgradable', /runs 9\.0\.0, .* upgrade that first/));
    const again = await connected(host);
    again.socket.close(1000);
    await agent.end();
    expect(await upgrade(host)).toMatchObject(refusal('host_offline', /not connected/));
    const unknown = await call('POST', '/api/v1/hosts/host_01m84szym4tvg03p2mz6y2f9wb/upgrade', {
      token: await tokenWith(['admin']),
    });
    expect(unknown.status).toBe(404);
  });

  it.each(['source_host_id', 'target_host_id'])('refuses a host that is %s of a migration under way', async (role) => {
    const [a, b] = [await newHost('a'), await newHost('b')];
    const agent = await connected(a);
    const ids = { source_host_id: b.id, target_host_id: b.id, [role]: a.id };
    const id = await insertMigration({ stack_id: await insertStack('shop', a.id), stack_name: 'shop', ...ids });
    expect(await upgrade(a)).toMatchObject({
      status: 409,
      ...refusal('host_busy', new RegExp(`${id}.*needs this host`)),
    });
    expect(agent.got).toEqual([]);
  });

  it('C22: a host that had to go back says why in its warnings, until it is asked again', async () => {
    const host = await newHost();
    const failed = { sha256: carried, why: 'it ended before it was online' };
    const agent = await connected(host, { ...older, failed });
    const shown = async () =>
      (await call('GET', `/api/v1/hosts/${host.id}`, { token: await tokenWith(['read']) })).body;
    expect(await shown()).toMatchObject({
      program_sha256: older.sha256,
      warnings: [{ code: 'upgrade_failed', message: expect.stringContaining(failed.why) }],
    });
    expect((await Promise.all([upgrade(host), answering(agent, done)]))[0].status).toBe(202);
    expect(await shown()).toMatchObject({ program_sha256: older.sha256, warnings: [] });
  });
});

describe('hosts that were installed with --auto-update', () => {
  const auto = { ...older, auto: true };
  const sweep = () => upgradeOutdated(bindings);

  it('are upgraded one first, and no others until it is back; then the rest', async () => {
    const hosts = [await newHost('a'), await newHost('b'), await newHost('c')];
    const agents = await Promise.all(hosts.map((host) => connected(host, auto)));
    const answered: number[] = [];
    for (const [index, agent] of agents.entries())
      void answering(agent, done).then((asked) => {
        expect(asked).toMatchObject({ kind: 'upgrade', payload: { automatic: true } });
        answered.push(index);
      });
    expect(await sweep()).toEqual({ done: 1, failed: 0 });
    expect(answered).toHaveLength(1);
    await connected(hosts[answered[0]!]!, { ...auto, sha256: carried }, agentVersion);
    expect(await sweep()).toEqual({ done: 2, failed: 0 });
    expect(answered).toHaveLength(3);
  });

  it('C22: are left alone once one of them had to go back from that program', async () => {
    await connected(await newHost('a'), { ...auto, failed: { sha256: carried, why: 'it hung' } });
    const other = await connected(await newHost('b'), auto);
    expect(await sweep()).toEqual({ done: 0, failed: 0 });
    expect(other.got).toEqual([]);
  });

  it('are left alone if they are of this version or newer; others are left alone anyway', async () => {
    const agents = [
      await connected(await newHost('a'), auto, agentVersion),
      await connected(await newHost('b'), auto, '9.0.0'),
      await connected(await newHost('c'), older),
    ];
    expect(await sweep()).toEqual({ done: 0, failed: 0 });
    for (const agent of agents) expect(agent.got).toEqual([]);
  });

  it('that are busy or away do not keep others from it', async () => {
    const [a, b, c] = [await newHost('a'), await newHost('b'), await newHost('c')];
    const ids = { source_host_id: a.id, target_host_id: a.id };
    await insertMigration({ stack_id: await insertStack('shop', a.id), stack_name: 'shop', ...ids });
    const third = await connected(c, auto);
    (await connected(b, auto)).socket.close(1000);
    await connected(a, auto);
    const asked = answering(third, done);
    expect(await sweep()).toEqual({ done: 1, failed: 0 });
    await asked;
  });
});
