import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { apiClient } from '../../cli/api-client.ts';
import { makeKey, requestFor, requestRenewal } from '../../node/enroll.ts';
import { openIdentity } from '../../node/identity.ts';
import { openIdentityPatiently } from '../../node/identity-renewal.ts';
import { createLog } from '../../node/log.ts';
import { type TestControlPlane, testControlPlane } from '../support/control-plane.ts';
import { type LossyWire, startLossyWire } from '../support/lossy-wire.ts';

let plane: TestControlPlane;
let wire: LossyWire;
beforeAll(async () => {
  plane = await testControlPlane();
  wire = await startLossyWire(plane.url);
}, 60_000);
afterAll(async () => {
  wire?.close();
  await plane?.close();
});

/** A host of this name that nobody has joined as, and how a machine with a state directory of its own tries. */
async function newHost(name: string) {
  const { id, join_token } = await apiClient(plane.url, plane.adminToken).post<{ id: string; join_token: string }>(
    '/hosts',
    { name },
  );
  const machine = async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'stackferry-enrolment-'));
    onTestFinished(() => rm(stateDir, { recursive: true, force: true }));
    return { stateDir, controlUrl: wire.url, joinToken: join_token, kind: 'host' } as const;
  };
  return { id, machine };
}

test('B25 the answer to a join is lost on its way: the agent asks again by itself, and is let in', async () => {
  const { id, machine } = await newHost('metal-1');
  const options = await machine();
  wire.toLose = 2;
  const keeper = await openIdentityPatiently(
    options,
    createLog(() => {}),
  );
  expect(keeper.identity().id).toBe(id);
  expect(wire.toLose).toBeLessThan(0);
  // Its key is beside its certificate now, and nowhere else.
  expect(await readdir(options.stateDir)).toEqual(['identity.json']);
});

test('B25 the answer to a join is lost with the agent: restarted, it can join again, and no other machine can', async () => {
  const { id, machine } = await newHost('metal-2');
  const [mine, other] = [await machine(), await machine()];
  wire.toLose = 1;
  await expect(openIdentity(mine)).rejects.toMatchObject({ code: 'control_unavailable' });
  await expect(openIdentity(other)).rejects.toMatchObject({ code: 'join_token_used' });
  const keeper = await openIdentity(mine);
  expect(keeper.identity().id).toBe(id);
  // What it holds is good for the control plane: it is let renew with it.
  const renewed = await requestRenewal(plane.url, await keeper.signAgentToken(), await requestFor(await makeKey()));
  expect(renewed.id).toBe(id);
});
