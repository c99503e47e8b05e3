import { expect, test } from 'vitest';
import { startStatusPage } from '../../relay/status.ts';
import { startRelayRig } from './relay-rig.ts';

test('the status page shows counters, and no ticket, key, host or address', async () => {
  const rig = await startRelayRig();
  const page = await startStatusPage({ port: 0, status: rig.relay.status });
  try {
    const keys = await rig.invite('data');
    const text = await (await fetch(`http://127.0.0.1:${page.port}/status`)).text();
    expect(JSON.parse(text)).toMatchObject({ relay_id: 'relay-1', sessions: 1, waiting: 0, refusals: {} });
    for (const secret of [...keys, 'host-a', 'host-b', '127.0.0.1', 'migration-1']) expect(text).not.toContain(secret);
    expect((await fetch(`http://127.0.0.1:${page.port}/other`)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${page.port}/status`, { method: 'POST' })).status).toBe(404);
  } finally {
    await page.close();
    await rig.close();
  }
});
