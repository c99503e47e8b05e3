import { describe, expect, onTestFinished, test } from 'vitest';
import { openAgentPage } from '../../agent/agent-page.ts';
import { createCommandMeter } from '../../agent/command-meter.ts';
import { type AgentState, observedAgent } from '../../agent/metrics.ts';
import { countLaneBytes } from '../../agent/transfer/lane-bytes.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { StackferryError } from '../../schema/errors.ts';
import { metricsText } from '../../schema/metrics-text.ts';
import { createLanePairs } from './lane-pairs.ts';
import { eventually } from './temporary.ts';

const traffic = (per_minute: number, held: number) => ({
  ports: [{ port: '*:80', per_minute, total: 9, idle_ms: 0 }],
  ...{ sources: [{ address: '192.0.2.1', total: 9 }], held, spliced: 5 },
});
const state = (more: Partial<AgentState> = {}): AgentState => ({
  engine: { resources: async () => ({}) as never },
  connected: () => true,
  welcomes: () => 3,
  commands: () => ({ migrations: 1, running: 2, done: 5, failed: { engine_error: 1 } }),
  bytes: () => ({ sent: 10, received: 20 }),
  reportFaults: () => 4,
  leaseMsLeft: () => 12_500,
  traffic: async () => [traffic(3, 1), traffic(4, 2)],
  ...more,
});

describe('an agent shows', () => {
  test('what it does, in numbers', async () => {
    const text = metricsText(await observedAgent(state()).metrics());
    for (const line of [
      'stackferry_agent_control_connected 1',
      'stackferry_agent_control_connections_total 3',
      'stackferry_agent_migrations_active 1',
      'stackferry_agent_commands_running 2',
      'stackferry_agent_commands_done_total 5',
      'stackferry_agent_command_failures_total{code="engine_error"} 1',
      'stackferry_agent_sent_bytes_total 10',
      'stackferry_agent_received_bytes_total 20',
      'stackferry_agent_engine_errors_total 4',
      'stackferry_agent_lease_left_seconds 12.5',
      'stackferry_agent_old_address_connections_per_minute 7',
      'stackferry_agent_held_connections 3',
    ])
      expect(text).toContain(`\n${line}\n`);
    expect(text, 'no address').not.toContain('192.0.2.1');
    const unleased = metricsText(await observedAgent(state({ leaseMsLeft: () => null })).metrics());
    expect(unleased).not.toMatch(/^stackferry_agent_lease_left_seconds /m);
  });

  test('nothing of the old address if it takes no connections, or its holder fails or never answers', async () => {
    const silent: AgentState['traffic'][] = [
      async () => [],
      () => Promise.reject(new Error('gone')),
      () => new Promise(() => {}),
    ];
    for (const traffic of silent) {
      const text = metricsText(await observedAgent(state({ traffic })).metrics());
      expect(text).not.toMatch(/^stackferry_agent_(old_address|held)\S* /m);
      expect(text).toContain('stackferry_agent_sent_bytes_total 10');
    }
  });

  test('what it waits for: the control plane, an engine that fails, one that never answers', async () => {
    const fails = { resources: () => Promise.reject(new Error('secret')) };
    const hangs = { resources: () => new Promise<never>(() => {}) };
    expect(await observedAgent(state()).waitingFor()).toEqual([]);
    expect(await observedAgent(state({ connected: () => false })).waitingFor()).toEqual(['control_plane']);
    expect(await observedAgent(state({ engine: fails })).waitingFor()).toEqual(['engine']);
    expect(await observedAgent(state({ engine: hangs })).waitingFor()).toEqual(['engine']);
  });

  test('that it starts, before it can say more', async () => {
    const port = await freePort('127.0.0.1');
    const page = await openAgentPage({ metrics: { host: '127.0.0.1', port }, metricsToken: null });
    onTestFinished(() => page.close());
    const read = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    expect(JSON.parse(await read('/readyz'))).toEqual({ status: 'not_ready', waiting_for: ['start'] });
    page.show(state());
    expect(await read('/metrics')).toContain('stackferry_agent_sent_bytes_total 10');
  });
});

test('commands are counted while they run, and by how they ended', async () => {
  const meter = createCommandMeter();
  const gate = Promise.withResolvers<void>();
  const works = [meter.run('m1', () => gate.promise), meter.run('m1', () => gate.promise), meter.run('m2', failing)];
  await Promise.allSettled([works[2]]);
  expect(meter.counts()).toEqual({ migrations: 1, running: 2, done: 0, failed: { disk_full: 1 } });
  gate.resolve();
  await Promise.allSettled(works);
  await expect(meter.run('m3', () => Promise.reject(new Error('any')))).rejects.toThrow('any');
  const failed = { disk_full: 1, command_failed: 1 };
  expect(meter.counts()).toEqual({ migrations: 0, running: 0, done: 2, failed });
});

const failing = async () => {
  throw new StackferryError('disk_full', 'No space.');
};

test('bytes of lanes are counted while they are open, and once they are closed', async () => {
  const pairs = createLanePairs();
  const { bytes, counting } = countLaneBytes();
  const { signal } = new AbortController();
  const dialer = counting(
    (_role, { lane }) =>
      (until) =>
        pairs(lane, until),
  );
  const lane = { migrationId: 'm', peer: 'p', lane: 'data' };
  const [one, other] = await Promise.all([dialer('source', lane)(signal), dialer('target', lane)(signal)]);
  other.resume();
  one.write(Buffer.alloc(5_000));
  await eventually(() => bytes().received === 5_000, 'the bytes');
  expect(bytes()).toEqual({ sent: 5_000, received: 5_000 });
  one.destroy();
  other.destroy();
  await eventually(() => other.closed && one.closed, 'the end');
  expect(bytes()).toEqual({ sent: 5_000, received: 5_000 });
});

test('a stripe of a lane is dialled as the stripe that it is', async () => {
  const asked: (number | undefined)[] = [];
  const { signal } = new AbortController();
  const { counting } = countLaneBytes();
  const dial = counting(() => async (_until, stripe) => {
    asked.push(stripe);
    throw new Error('no peer');
  })('source', { migrationId: 'm', peer: 'p', lane: 'data' });
  for (const stripe of [3, undefined]) await expect(dial(signal, stripe)).rejects.toThrow('no peer');
  expect(asked).toEqual([3, undefined]);
});
