import { expect, onTestFinished, test } from 'vitest';
import { openObservePage } from '../../node/observe-page.ts';
import { observedRelay } from '../../relay/metrics.ts';
import { startRelayRig } from './relay-rig.ts';

const listen = { host: '127.0.0.1', port: 0 };

test('the pages of a relay show counters, and no ticket, key, host or address', async () => {
  const rig = await startRelayRig();
  onTestFinished(() => rig.close());
  const observed = observedRelay({ status: rig.relay.status, connected: () => true, welcomes: () => 2 });
  const page = await openObservePage({ listen, token: null, observed });
  onTestFinished(() => page.close());
  const keys = await rig.invite('data');
  expect(
    await rig.join('host-a', { issuedAtMs: Date.now() - 300_000, expiresAtMs: Date.now() - 200_000 }),
  ).toMatchObject({ type: 'refused' });
  const read = async (path: string) => (await fetch(`http://127.0.0.1:${page.port}${path}`)).text();
  const [status, metrics] = [await read('/status'), await read('/metrics')];
  expect(JSON.parse(status)).toMatchObject({ relay_id: 'relay-1', sessions: 1, waiting: 0 });
  expect(metrics).toContain('\nstackferry_relay_sessions 1\n');
  expect(metrics).toContain('\nstackferry_relay_control_connections_total 2\n');
  expect(metrics).toMatch(/\nstackferry_relay_refused_total\{reason="ticket_expired"\} 1\n/);
  for (const secret of [...keys, 'host-a', 'host-b', '127.0.0.1', 'migration-1'])
    expect(status + metrics).not.toContain(secret);
});

test('a relay is ready once it listens and the control plane has accepted it', async () => {
  const rig = await startRelayRig();
  onTestFinished(() => rig.close());
  const of = (listens: boolean, connected: boolean) =>
    observedRelay({
      status: () => (listens ? rig.relay.status() : null),
      connected: () => connected,
      welcomes: () => 0,
    });
  expect(await of(false, false).waitingFor()).toEqual(['control_plane', 'listener']);
  expect(await of(true, false).waitingFor()).toEqual(['control_plane']);
  expect(await of(true, true).waitingFor()).toEqual([]);
});
