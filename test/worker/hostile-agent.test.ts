import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { type AgentMessage, agentMessage, type Outcome } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { closeCodes } from '../../worker/objects/host-connection/control-socket.ts';
import { hostFacts } from '../saga/preflight/well-facts.ts';
import { mutants } from '../support/hostile-values.ts';
import { connect, type FakeAgent, hello } from './support/agent.ts';
import { call } from './support/api.ts';
import { connection, twoHosts, underWay } from './support/hosts.ts';
import { type JoinedNode, join } from './support/node.ts';
import { summaryOf } from './support/records.ts';

/**
 * A host in wrong hands, with a real certificate, says to the control plane whatever there is to say. `a` and `b` have a
 * migration between them that is none of its business.
 */
let admin: string;
let a: JoinedNode;
let thief: JoinedNode;
let honest: FakeAgent;
let foreign: { migration: string; command: string };

beforeEach(async () => {
  const hosts = await twoHosts();
  ({ admin, a } = hosts);
  thief = await join(admin, 'host', 'thief');
  foreign = await underWay(a, hosts.b);
  honest = await connect(a);
  await honest.take('command');
});

/** Of all tables what is not the thief's own. */
async function othersRows(): Promise<unknown> {
  const own = [thief.id];
  const tables = {
    node: `SELECT * FROM node WHERE id <> ?`,
    stack: `SELECT * FROM stack WHERE home_id <> ?`,
    migration: `SELECT * FROM migration WHERE source_host_id <> ?1 AND target_host_id <> ?1`,
    command: `SELECT * FROM command WHERE host_id <> ?`,
  };
  const rows = await env.DB.batch(Object.values(tables).map((sql) => env.DB.prepare(sql).bind(...own)));
  return rows.map(({ results }) => results.map((row) => ({ ...(row as object), seen_at: null })));
}

/** Messages are taken one after another: its answer shows that all before it were. Null where the connection is closed. */
async function settled(agent: FakeAgent, id: string): Promise<boolean> {
  agent.say({ type: 'ask', ask_id: id, kind: 'lease', payload: {} });
  for (;;) {
    if (agent.closed) return false;
    const index = agent.got.findIndex((message) => message.type === 'reply' && message.ask_id === id);
    if (index >= 0) {
      agent.got.length = 0;
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Sends each, over a new connection where one was closed for it. Returns the messages that closed one. */
async function sayAll(lies: { name: string; value: unknown }[]): Promise<string[]> {
  const refused: string[] = [];
  let agent = await connect(thief);
  for (const [index, { name, value }] of lies.entries()) {
    agent.socket.send(JSON.stringify(value) ?? 'undefined');
    if (await settled(agent, String(index))) continue;
    expect([closeCodes.refused, closeCodes.version], name).toContain(agent.closed?.code);
    expect(agent.closed?.reason, name).not.toBe('');
    refused.push(`${name}: ${agent.closed?.reason}`);
    agent = await connect(thief);
  }
  agent.socket.close(1000, 'bye');
  return refused;
}

/** One of each kind, as good as it can be; those that name something name what is another host's. */
const messages: { [T in AgentMessage['type']]: () => unknown } = {
  hello: () => ({ ...hello(thief), address: { host: '127.0.0.1', port: 22068 } }),
  inventory: () => ({
    type: 'inventory',
    stacks: [{ ...summaryOf('shop'), ports: [{ host_ip: '0.0.0.0', port: 80, protocol: 'tcp' }] }],
    leftovers: [{ project: 'shop', migration_id: foreign.migration }],
    piece: { id: 'one', index: 0, count: 1 },
  }),
  metrics: () => ({ type: 'metrics', resources: hostFacts().resources }),
  result: () => ({
    type: 'result',
    command_id: foreign.command,
    outcome: { ok: false, error: { code: 'command_failed', message: 'it broke', log_tail: ['a line'] } },
  }),
  answer: () => ({ type: 'answer', request_id: 'request', outcome: { ok: true, data: { state: 'done' } } }),
  progress: () => ({
    type: 'progress',
    migration_id: foreign.migration,
    command_id: foreign.command,
    items: [{ lane: 'v0', bytes_done: 1, bytes_total: 2 }],
  }),
  ask: () => ({ type: 'ask', ask_id: 'ask', kind: 'ticket', payload: { migration_id: foreign.migration, lane: 'v0' } }),
};

describe('every message that there is, with every lie in it', () => {
  it('the cases are of all kinds that the protocol has', () => {
    const kinds = agentMessage.options.map(({ shape }) => shape.type.value);
    expect(Object.keys(messages).sort()).toEqual(kinds.sort());
    for (const [kind, good] of Object.entries(messages))
      expect(agentMessage.safeParse(good()).success, kind).toBe(true);
  });

  it.each(Object.keys(messages) as AgentMessage['type'][])(
    'B8 B28 "%s": refused with a reason or ignored, and nothing of another host changes',
    async (kind) => {
      const before = await othersRows();
      await sayAll([{ name: kind, value: messages[kind]() }, ...mutants(messages[kind]())]);
      expect(await othersRows()).toEqual(before);
      expect(honest.closed).toBeNull();
      expect(honest.got).toEqual([]);
      expect(await connection(a).online()).toBe(true);
      for (const path of [`hosts/${thief.id}`, 'hosts', 'stacks', 'migrations'])
        expect((await call('GET', `/api/v1/${path}`, { token: admin })).status, path).toBe(200);
    },
    60_000,
  );
});

describe('more than there is room for', () => {
  it('B14 a flood closes the connection, and the others are answered meanwhile', async () => {
    const { messagesBurst, messagesPerS } = limits.control;
    // What this machine takes in is not much more than what is allowed.
    Object.assign(limits.control, { messagesBurst: 50, messagesPerS: 1 });
    try {
      const agent = await connect(thief);
      const { request_id, outcome } = messages.answer() as { request_id: string; outcome: Outcome };
      for (let sent = 0; sent < 200; sent++) agent.say({ type: 'answer', request_id, outcome });
      expect(await agent.end()).toEqual({ code: closeCodes.refused, reason: 'too many messages' });
    } finally {
      Object.assign(limits.control, { messagesBurst, messagesPerS });
    }
    expect(await connection(a).online()).toBe(true);
    expect(honest.closed).toBeNull();
  });

  it('stacks that come and go without end leave a bounded number of rows', async () => {
    const agent = await connect(thief);
    const rows = async () =>
      (await env.DB.prepare('SELECT count(*) AS n FROM stack WHERE home_id = ?').bind(thief.id).first<{ n: number }>())!
        .n;
    const rounds = 2 + limits.control.stackRowsPerHostMax / limits.control.stacksPerHostMax;
    for (let round = 0; round < rounds; round++) {
      const stacks = Array.from({ length: limits.control.stacksPerHostMax }, (_, n) => summaryOf(`s${round}-${n}`));
      agent.say({ type: 'inventory', stacks });
      expect(await settled(agent, String(round))).toBe(true);
    }
    expect(await rows()).toBeLessThanOrEqual(limits.control.stackRowsPerHostMax);
    const listed = (await call('GET', '/api/v1/stacks?limit=200', { token: admin })).body.items;
    expect(listed.map(({ name }: { name: string }) => name)).toContain(`s${rounds - 1}-0`);
    expect(await connection(a).online()).toBe(true);
  });
});
