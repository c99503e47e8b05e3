import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { closeCodes } from '../../worker/objects/host-connection/control-socket.ts';
import { connect } from './support/agent.ts';
import { tokenWith } from './support/api.ts';
import { connection, twoHosts, underWay } from './support/hosts.ts';
import { join } from './support/node.ts';
import { insertCommand } from './support/records.ts';

describe('commands and results', () => {
  it('commands that were recorded while the host was away are sent when it is back, oldest first', async () => {
    const { a, b } = await twoHosts();
    const { migration, command } = await underWay(a, b);
    await insertCommand(migration, b.id, `${migration}.2`);
    await insertCommand(migration, a.id, `${migration}.3`);
    const agent = await connect(a);
    expect(await agent.take('command')).toEqual({
      type: 'command',
      id: command,
      migration_id: migration,
      epoch: 1,
      kind: 'stop_stack',
      payload: { project: 'shop' },
      trace_id: null,
    });
    expect((await agent.take('command')).id).toBe(`${migration}.3`);
    expect(agent.got).toEqual([]);
  });

  it('delivers at once to a connected host, and again on request', async () => {
    const { a, b } = await twoHosts();
    const agent = await connect(a);
    const { migration, command } = await underWay(a, b);
    const sent = {
      id: command,
      migration_id: migration,
      epoch: 1,
      kind: 'stop_stack' as const,
      payload: { project: 'shop' },
      trace_id: null,
    };
    await connection(a).deliver([sent]);
    expect(await agent.take('command')).toEqual({ type: 'command', ...sent });
    await connection(a).deliverOwed();
    expect(await agent.take('command')).toEqual({ type: 'command', ...sent });
  });

  it('a result of an unknown or closed command is acknowledged, so that the agent forgets it', async () => {
    const { a, b } = await twoHosts();
    const { command } = await underWay(a, b);
    await env.DB.prepare('UPDATE command SET closed_at = 1').run();
    const agent = await connect(a);
    for (const command_id of [command, 'mig_0.7']) {
      agent.say({ type: 'result', command_id, outcome: { ok: true, data: {} } });
      expect(await agent.take('result_ack')).toMatchObject({ command_id });
    }
  });

  it('B28: a result or progress for another host’s command is refused and changes nothing', async () => {
    const { a, b } = await twoHosts();
    const { migration, command } = await underWay(a, b);
    const thief = await connect(b);
    thief.say({ type: 'result', command_id: command, outcome: { ok: true, data: { prior: [], killed: [] } } });
    expect(await thief.end()).toMatchObject({
      code: closeCodes.refused,
      reason: expect.stringContaining('foreign_resource'),
    });
    expect(thief.got).toEqual([]);
    const again = await connect(b);
    again.say({ type: 'progress', migration_id: migration, command_id: command, items: [] });
    expect(await again.end()).toMatchObject({ code: closeCodes.refused });
    const open = await env.DB.prepare('SELECT closed_at FROM command WHERE id = ?').bind(command).first();
    expect(open).toEqual({ closed_at: null });
  });

  it('a relay may not speak as a host does', async () => {
    const relay = await join(await tokenWith(['admin']), 'relay', 'r');
    const agent = await connect(relay);
    agent.say({ type: 'inventory', stacks: [] });
    expect(await agent.end()).toMatchObject({ code: closeCodes.refused });
  });
});

describe('what hosts ask', () => {
  it('both sides of a migration get tickets for the same relay, each naming the other', async () => {
    const { admin, a, b } = await twoHosts();
    const relays = [await join(admin, 'relay', 'r1'), await join(admin, 'relay', 'r2')];
    for (const relay of relays) await connect(relay);
    const { migration } = await underWay(a, b);
    const asked = await Promise.all(
      [a, b].map(async (node) => {
        const agent = await connect(node);
        agent.say({ type: 'ask', ask_id: '1', kind: 'ticket', payload: { migration_id: migration, lane: 'v0' } });
        const { outcome } = await agent.take('reply');
        if (!outcome.ok) throw new Error(outcome.error.message);
        const data = outcome.data as { ticket: string; relay: { id: string } };
        const claims = JSON.parse(atob(data.ticket.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')));
        return { relay: data.relay.id, claims };
      }),
    );
    const [source, target] = asked;
    expect(source!.relay).toBe(target!.relay);
    const common = { iss: a.fleet_id, aud: `relay:${source!.relay}`, sid: `${migration}.v0`, mig: migration };
    expect(source!.claims).toMatchObject({ ...common, role: 'source', sub: a.id, peer: b.id });
    expect(target!.claims).toMatchObject({ ...common, role: 'target', sub: b.id, peer: a.id });
    expect(source!.claims.exp - source!.claims.iat).toBe(limits.certificate.ticketMsMax / 1000);
  });

  it('B28: a host without a part in the migration gets neither ticket nor lease', async () => {
    const { admin, a, b } = await twoHosts();
    const stranger = await join(admin, 'host', 'c');
    const { migration } = await underWay(a, b);
    const agent = await connect(stranger);
    agent.say({ type: 'ask', ask_id: '1', kind: 'ticket', payload: { migration_id: migration, lane: 'v0' } });
    expect(await agent.take('reply')).toMatchObject({
      ask_id: '1',
      outcome: { ok: false, error: { code: 'foreign_resource' } },
    });
    agent.say({ type: 'ask', ask_id: '2', kind: 'lease', payload: { migration_id: migration, epoch: 1 } });
    expect(await agent.take('reply')).toMatchObject({
      ask_id: '2',
      outcome: { ok: false, error: { code: 'foreign_resource' } },
    });
  });

  it('says so where no relay is connected, and gives no ticket for what has ended', async () => {
    const { a, b } = await twoHosts();
    const { migration } = await underWay(a, b);
    const agent = await connect(a);
    const ask = async (payload: unknown) => {
      agent.say({ type: 'ask', ask_id: '1', kind: 'ticket', payload });
      return (await agent.take('reply')).outcome;
    };
    const payload = { migration_id: migration, lane: 'v0' };
    expect(await ask(payload)).toMatchObject({ error: { code: 'relay_unavailable' } });
    expect(await ask({})).toMatchObject({ error: { code: 'invalid_request' } });
    await env.DB.prepare("UPDATE migration SET status = 'failed'").run();
    expect(await ask(payload)).toMatchObject({ error: { code: 'ticket_refused' } });
  });
});
