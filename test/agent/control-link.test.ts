import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type LinkBounds, type LinkOptions, openControlLink } from '../../node/control-link.ts';
import { revokedCloseCode } from '../../node/control-socket.ts';
import { createLog } from '../../node/log.ts';
import type { AgentMessage, Outcome } from '../../schema/agent-protocol.ts';
import type { Command } from '../../schema/commands.ts';
import type { StackSummary } from '../../schema/facts.ts';
import { limits } from '../../schema/limits.ts';
import { eventually } from './temporary.ts';
import { type Peer, type Refusal, startWebSocketServer } from './websocket-server.ts';

const fast: Partial<LinkBounds> = {
  pingIntervalMs: 20,
  hostSilenceMsMax: 150,
  linkHandshakeMsMax: 2_000,
  reconnectDelayMsMin: 5,
  reconnectDelayMsMax: 30,
  resultResendMs: 50,
  askMsMax: 1_000,
};
/** Without `return_spread_ms`: of a control plane of 0.1.0. */
const welcome = (now_ms = Date.now(), version?: number, return_spread_ms?: number) =>
  JSON.stringify({ type: 'welcome', id: 'host_1', fleet_id: 'f', version, now_ms, relay: null, return_spread_ms });
const done: Outcome = { ok: true, data: {} };
const stackOf = (project: string): StackSummary => ({
  ...{ project, plain: false, working_dir: `/srv/${project}`, config_files: ['compose.yaml'], services: [], ports: [] },
  ...{ volumes: ['v'.repeat(5_000)], bind_mounts: [], running: true },
});

/** A control plane that pongs and welcomes, and a link to it. */
async function linked(
  options: Partial<LinkOptions> & {
    accept?: () => Refusal | null;
    onMessage?: (peer: Peer, message: AgentMessage) => void;
    pongs?: (peer: Peer) => boolean;
    spreadMs?: number;
  } = {},
) {
  const state = { welcomes: 0, commands: [] as Command[], refused: '', lines: [] as string[] };
  const { accept, onMessage, pongs = () => true, spreadMs, ...overrides } = options;
  const server = await startWebSocketServer({
    ...(accept ? { accept } : {}),
    onText: (peer, text) => {
      if (text === 'ping') return pongs(peer) ? peer.say('pong') : undefined;
      const message = JSON.parse(text) as AgentMessage;
      if (message.type === 'hello') peer.say(welcome(undefined, undefined, spreadMs));
      onMessage?.(peer, message);
    },
  });
  const link = openControlLink({
    controlUrl: server.url,
    agentVersion: '1',
    address: null,
    token: async () => 'the-token',
    owedResults: () => [],
    onWelcome: () => {
      state.welcomes += 1;
    },
    onCommand: (command) => void state.commands.push(command),
    onRequest: async ({ kind }) => ({ ok: true, data: { kind } }),
    onResultAck: () => {},
    onRevoked: () => {},
    onRefused: (error) => {
      state.refused = error.code;
    },
    log: createLog((line) => void state.lines.push(line)),
    bounds: fast,
    ...overrides,
  });
  onTestFinished(() => link.close());
  const said = (type: AgentMessage['type']) =>
    server.peers.flatMap(({ received }) =>
      received
        .filter((text) => text !== 'ping')
        .map((text) => JSON.parse(text))
        .filter((message) => message.type === type),
    );
  return { link, state, said, ...server };
}

describe('control link', () => {
  test('it authenticates, says hello, and is ready once it is welcomed', async () => {
    const { link, state, peers, said } = await linked();
    await eventually(() => link.ready(), 'the welcome');
    expect(peers[0]?.request.headers.authorization).toBe('Bearer the-token');
    const hello = { type: 'hello', version: 1, versions: { min: 1, max: 2 }, agent_version: '1', address: null };
    expect(said('hello')).toEqual([{ ...hello, instance_id: expect.stringMatching(/^[0-9a-f-]{36}$/) }]);
    expect(state.welcomes).toBe(1);
  });

  test('F5: a cut connection is dialed again, and owed results go first', async () => {
    const owed = [{ command_id: 'c1', outcome: done }];
    const { state, peers, said } = await linked({ owedResults: () => owed, onResultAck: () => void owed.pop() });
    await eventually(() => said('result').length === 1, 'the result');
    peers[0]?.cut();
    await eventually(
      () => state.welcomes === 2 && said('result').length >= 2,
      'the same result on the next connection',
    );
    peers[1]?.say(JSON.stringify({ type: 'result_ack', command_id: 'c1' }));
    await eventually(() => owed.length === 0, 'the acknowledgement');
  });

  test('a result that is not acknowledged goes again on the same connection', async () => {
    const { said } = await linked({ owedResults: () => [{ command_id: 'c1', outcome: done }] });
    await eventually(() => said('result').length >= 3, 'its repeats');
  });

  test('F18: a connection whose pings the control plane no longer answers is closed, and dialed again', async () => {
    const { state, peers } = await linked({ pongs: (peer) => peer !== peers[0] });
    await eventually(() => state.welcomes === 2, 'the second connection');
    await eventually(() => peers[0]?.closed, 'the first to be given up');
  });

  test('a deleted host stops dialing: refused at the door, or shown it', async () => {
    const body = { code: 'host_revoked', detail: 'It was deleted.', status: 403 };
    const atTheDoor = await linked({ accept: () => ({ status: 403, body }) });
    await eventually(() => atTheDoor.state.refused === 'host_revoked', 'the refusal');
    const inside = await linked({ onMessage: (peer) => peer.close(revokedCloseCode) });
    await eventually(() => inside.state.refused === 'host_revoked', 'the refusal');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(inside.peers).toHaveLength(1);
  });

  test('any other refusal is tried again', async () => {
    let tries = 0;
    const { state } = await linked({
      accept: () => (tries++ < 2 ? { status: 503, body: { code: 'control_unavailable', detail: 'later' } } : null),
    });
    await eventually(() => state.welcomes === 1, 'the third try');
  });

  describe('C14 after a deploy cut every connection', () => {
    const spread = { ...fast, idleReturnMsMin: 300, idleReturnMsMax: 400, standingMsMin: 50 };
    /** Milliseconds from the cut of a connection that had stood for `stoodMs` to the next welcome. */
    const returnMs = async (options: Parameters<typeof linked>[0], stoodMs: number, retold?: number) => {
      const { state, peers } = await linked({ bounds: spread, ...options });
      await eventually(() => state.welcomes === 1, 'the welcome');
      if (retold !== undefined) peers[0]?.say(JSON.stringify({ type: 'return_spread', return_spread_ms: retold }));
      await new Promise((resolve) => setTimeout(resolve, stoodMs));
      const cutAt = performance.now();
      peers[0]?.cut();
      await eventually(() => state.welcomes === 2, 'the next welcome');
      return performance.now() - cutAt;
    };

    test('C14 an idle host takes its time to come back', async () => {
      expect(await returnMs({ idle: () => true }, 60)).toBeGreaterThanOrEqual(300);
    });

    test('C14 an idle host spreads its return over as long as it was told last', async () => {
      vi.spyOn(Math, 'random').mockReturnValue(0.999);
      onTestFinished(() => void vi.restoreAllMocks());
      expect(await returnMs({ idle: () => true, spreadMs: 1_000 }, 60)).toBeGreaterThanOrEqual(1_290);
      expect(await returnMs({ idle: () => true, spreadMs: 100 }, 60, 1_000)).toBeGreaterThanOrEqual(1_290);
      expect(await returnMs({ idle: () => true, spreadMs: 1_000 }, 60, 100)).toBeLessThan(1_000);
      expect(await returnMs({ idle: () => true }, 60)).toBeLessThan(1_000);
      expect(await returnMs({ idle: () => false, spreadMs: 1_000 }, 60)).toBeLessThan(250);
    });

    test('C14 an idle host that came too early tries again as spread as before', async () => {
      let seen = 0;
      // The first one that may come, and then the last.
      vi.spyOn(Math, 'random').mockImplementation(() => (seen < 2 ? 0 : 0.999));
      onTestFinished(() => void vi.restoreAllMocks());
      const busy = { status: 503, body: { code: 'control_unavailable', detail: 'later' } };
      const accept = () => (++seen === 2 ? busy : null);
      const bounds = { ...spread, refusedDelayMsMin: 5, refusedDelayMsMax: 30 };
      expect(await returnMs({ idle: () => true, spreadMs: 600, accept, bounds }, 60)).toBeGreaterThanOrEqual(300 + 490);
    });

    test('C14 an idle host that was cut twice in a row is still one of many', async () => {
      const { state, peers } = await linked({ bounds: spread, idle: () => true });
      await eventually(() => state.welcomes === 1, 'the welcome');
      await new Promise((resolve) => setTimeout(resolve, 60));
      peers[0]?.cut();
      await eventually(() => state.welcomes === 2, 'the next welcome');
      const cutAt = performance.now();
      peers[1]?.cut();
      await eventually(() => state.welcomes === 3, 'the one after');
      expect(performance.now() - cutAt).toBeGreaterThanOrEqual(300);
    });

    test('C14 a host that moves a stack, one that has just come, and a relay are back at once', async () => {
      expect(await returnMs({ idle: () => false }, 60)).toBeLessThan(250);
      expect(await returnMs({ idle: () => true }, 0)).toBeLessThan(250);
      expect(await returnMs({}, 60)).toBeLessThan(250);
    });

    test('C14 who is asked to wait by Retry-After waits so long', async () => {
      let refusedAt = 0;
      const { state } = await linked({
        accept: () => {
          if (refusedAt > 0) return null;
          refusedAt = performance.now();
          const body = { code: 'control_unavailable', detail: 'busy' };
          return { status: 503, body, headers: { 'retry-after': '1' } };
        },
        bounds: { ...fast, refusedDelayMsMax: 1_000 },
      });
      await eventually(() => state.welcomes === 1, 'the welcome');
      expect(performance.now() - refusedAt).toBeGreaterThanOrEqual(990);
    });
  });

  test('F38: a host whose clock is hours off dates its tokens by the control plane', async () => {
    const offsets: number[] = [];
    const date = new Date(Date.now() + 5 * 3_600_000).toUTCString();
    const { state } = await linked({
      token: async (offset) => {
        offsets.push(offset);
        return 't';
      },
      accept: () =>
        offsets.length < 2
          ? { status: 401, body: { code: 'unauthorized', detail: 'bad date' }, headers: { date } }
          : null,
    });
    await eventually(() => state.welcomes === 1, 'the welcome');
    expect(offsets[0]).toBe(0);
    expect(Math.abs((offsets[1] ?? 0) - 5 * 3_600_000)).toBeLessThan(5_000);
  });

  test('an ask gets its reply, also when the connection was cut in between', async () => {
    const asked: string[] = [];
    const { link } = await linked({
      onMessage: (peer, message) => {
        if (message.type !== 'ask') return;
        asked.push(message.ask_id);
        if (asked.length === 1) return peer.cut();
        const outcome = { ok: true, data: { granted: true, lease_ms: 5 } };
        peer.say(JSON.stringify({ type: 'reply', ask_id: message.ask_id, outcome }));
      },
    });
    await eventually(() => link.ready(), 'the welcome');
    await expect(link.ask('lease', { migration_id: 'm', epoch: 1 })).resolves.toEqual({ granted: true, lease_ms: 5 });
    expect(asked).toHaveLength(2);
  });

  test('an ask ends with the refusal, with its time limit, or with a reply it cannot read', async () => {
    const answers: unknown[] = [
      { ok: false, error: { code: 'ticket_refused', message: 'no', log_tail: [] } },
      null,
      { ok: true, data: 7 },
    ];
    const { link } = await linked({
      onMessage: (peer, message) => {
        if (message.type !== 'ask') return;
        const outcome = answers.shift();
        if (outcome) peer.say(JSON.stringify({ type: 'reply', ask_id: message.ask_id, outcome }));
      },
      bounds: { ...fast, askMsMax: 200 },
    });
    await eventually(() => link.ready(), 'the welcome');
    const ask = () => link.ask('ticket', { migration_id: 'm', lane: 'v0' });
    await expect(ask()).rejects.toMatchObject({ code: 'ticket_refused' });
    await expect(ask()).rejects.toMatchObject({ code: 'control_unavailable' });
    await expect(ask()).rejects.toMatchObject({ code: 'internal' });
  });

  test('commands and requests arrive; what is not understood is answered as such, and harms nothing', async () => {
    const { link, state, peers, said } = await linked();
    await eventually(() => link.ready(), 'the welcome');
    const command = { type: 'command', id: 'c1', migration_id: 'm', epoch: 1, kind: 'deploy', payload: {} };
    for (const message of [
      '{',
      '"x"',
      JSON.stringify({ type: 'gossip' }),
      JSON.stringify({ ...command, id: 'c0', kind: 'format_disk' }),
    ]) {
      peers[0]?.say(message);
    }
    peers[0]?.say(JSON.stringify(command));
    peers[0]?.say(JSON.stringify({ type: 'request', id: 'r1', kind: 'probe', payload: {} }));
    await eventually(() => said('answer').length === 1, 'the answer');
    expect(state.commands.map(({ id }) => id)).toEqual(['c1']);
    expect(said('answer')[0]).toEqual({
      type: 'answer',
      request_id: 'r1',
      outcome: { ok: true, data: { kind: 'probe' } },
    });
    expect(said('result')).toEqual([
      expect.objectContaining({ command_id: 'c0', outcome: expect.objectContaining({ ok: false }) }),
    ]);
  });

  test('an answer beyond the bound is replaced by one that says so', async () => {
    const { link, peers, said } = await linked({
      onRequest: async () => ({ ok: true, data: 'x'.repeat(5_000) }),
      bounds: { ...fast, messageBytesMax: 2_000 },
    });
    await eventually(() => link.ready(), 'the welcome');
    peers[0]?.say(JSON.stringify({ type: 'request', id: 'r1', kind: 'probe', payload: {} }));
    await eventually(() => said('answer').length === 1, 'the answer');
    expect(said('answer')[0].outcome).toMatchObject({ ok: false, error: { code: 'internal' } });
  });
});

describe('a control plane of another release', () => {
  test('C7: one that refuses what this agent says after each welcome is left in peace for ever longer', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    onTestFinished(() => void vi.restoreAllMocks());
    const helloAt: number[] = [];
    await linked({
      owedResults: () => [{ command_id: 'c1', outcome: done }],
      onMessage: (peer, { type }) => {
        if (type === 'hello') helloAt.push(performance.now());
        if (type === 'result') peer.close(1008);
      },
      bounds: { ...fast, refusedDelayMsMin: 100, refusedDelayMsMax: 5_000 },
    });
    await eventually(() => helloAt.length >= 4, 'four connections');
    for (const [nth, pause] of [200, 400, 800].entries())
      expect(helloAt[nth + 1]! - helloAt[nth]!, `pause ${nth + 1}`).toBeGreaterThan(pause - 5);
  });

  test('C21: an inventory beyond the bound goes in pieces where they are known, and not at all where they are not', async () => {
    const { control } = limits;
    const stacks = Array.from({ length: 40 }, (_, nth) => stackOf(`app-${nth}`));
    const messageBytesMax = control.inventoryPieceMargin + JSON.stringify(stacks).length / 3;
    for (const version of [1, 2]) {
      const { link, said, state } = await linked({
        onMessage: (peer, { type }) => type === 'hello' && peer.say(welcome(Date.now(), version)),
        bounds: { ...fast, messageBytesMax },
      });
      await eventually(() => state.welcomes === 2, 'the welcome that names a version');
      link.report({ type: 'inventory', stacks });
      link.sendResult('c1', done);
      await eventually(() => said('result').length > 0, 'what was sent after it');
      expect(said('inventory').flatMap((piece) => piece.stacks)).toEqual(version === 1 ? [] : stacks);
    }
  });

  test('C7: an error code that this agent does not know is a failure, and no message is lost for it', async () => {
    const { link } = await linked({
      onMessage: (peer, message) => {
        if (message.type !== 'ask') return;
        const error = { code: 'from_the_future', message: 'not today', log_tail: [] };
        peer.say(JSON.stringify({ type: 'reply', ask_id: message.ask_id, outcome: { ok: false, error } }));
      },
    });
    await eventually(() => link.ready(), 'the welcome');
    await expect(link.ask('lease', { migration_id: 'm1', epoch: 1 })).rejects.toMatchObject({
      code: 'command_failed',
      message: expect.stringContaining('from_the_future'),
    });
  });
});
