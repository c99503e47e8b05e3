import { afterEach, describe, expect, test } from 'vitest';
import { forwardLane } from '../../schema/forwarding.ts';
import { nextBytes, type RelayRig, startRelayRig } from './relay-rig.ts';

let rig: RelayRig;
afterEach(() => rig.close());

const full = { type: 'refused', code: 'relay_full' };

describe('a relay that stops', () => {
  test('sends new hosts and those that wait away, and lets a pair that is connected finish', async () => {
    rig = await startRelayRig();
    const [keyA, keyB] = await rig.invite('running');
    const [a, b] = [await rig.spend(keyA), await rig.spend(keyB)];
    await expect.poll(() => rig.relay.status().sessions_total).toBe(1);
    const waiting = rig.join('host-a', { lane: 'waits' });
    await expect.poll(() => rig.relay.status().waiting).toBe(1);

    let drained = false;
    const draining = rig.relay.drain().then(() => {
      drained = true;
    });
    expect(await waiting).toEqual(full);
    expect(await rig.join('host-a', { lane: 'new' })).toEqual(full);
    a.write('still here');
    expect(await nextBytes(b)).toBe('still here');
    expect(drained).toBe(false);

    a.end();
    b.end();
    await draining;
    expect(rig.relay.status()).toMatchObject({ sessions: 0, waiting: 0 });
  });

  test('ends the tunnels of forwarding, which go on over the next connection', async () => {
    rig = await startRelayRig();
    const [keyA, keyB] = await rig.invite(forwardLane);
    await Promise.all([rig.spend(keyA), rig.spend(keyB)]);
    await expect.poll(() => rig.relay.status().sessions_total).toBe(1);
    await rig.relay.drain();
    expect(rig.relay.status().sessions).toBe(0);
  });

  test('still connects hosts that were invited before', async () => {
    rig = await startRelayRig();
    const [keyA, keyB] = await rig.invite('invited');
    void rig.relay.drain();
    const [a, b] = [await rig.spend(keyA), await rig.spend(keyB)];
    a.write('late, but here');
    expect(await nextBytes(b)).toBe('late, but here');
  });

  test('ends at once without a session, and at its bound with one that goes on', async () => {
    rig = await startRelayRig({ drainMsMax: 300 });
    await rig.relay.drain();
    await rig.close();
    rig = await startRelayRig({ drainMsMax: 300 });
    const [keyA, keyB] = await rig.invite('endless');
    await Promise.all([rig.spend(keyA), rig.spend(keyB)]);
    const began = performance.now();
    await rig.relay.drain();
    expect(performance.now() - began).toBeGreaterThan(290);
    expect(rig.relay.status().sessions).toBe(1);
  });
});
