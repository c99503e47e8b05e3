import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { agentPaths } from '../../schema/enrolment.ts';
import { type StoredFleet, sealFleet } from '../../worker/objects/fleet-authority/stored-fleet.ts';
import { advance } from '../../worker/saga/migration/advance.ts';
import { plan, storyAt } from '../saga/story.ts';
import { connect } from './support/agent.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { createNode, csrFor, join, newKeys } from './support/node.ts';

const authority = () => env.FLEET_AUTHORITY.get(env.FLEET_AUTHORITY.idFromName('fleet'));
const restart = () => evictDurableObject(authority());
const forget = async () => {
  await runInDurableObject(authority(), (_, state) => state.storage.deleteAll());
  await restart();
};
const enroll = async (token: string, name: string) => {
  const { join_token } = await createNode(token, 'host', name);
  return call('POST', agentPaths.enroll, { body: { join_token, csr: await csrFor(await newKeys()) } });
};

describe('the certificate authority', () => {
  it('C8: is not made a second time where its namespace was lost: the answer says what to bind', async () => {
    const token = await tokenWith(['admin']);
    const { id } = await join(token, 'host', 'a');
    // No host has its certificate any more, but the record stays.
    await call('DELETE', `/api/v1/hosts/${id}`, { token });
    await forget();
    const refused = await enroll(token, 'b');
    expect(refused).toMatchObject({ status: 503, body: { code: 'authority_missing' } });
    expect(refused.body.detail).toContain('FLEET_AUTHORITY');
    expect(await runInDurableObject(authority(), (_, state) => state.storage.get('fleet'))).toBeUndefined();
  });

  it('C8: nor where a database of the previous release knows hosts, and no authority', async () => {
    const token = await tokenWith(['admin']);
    await join(token, 'host', 'a');
    await env.DB.prepare('DELETE FROM fleet').run();
    await forget();
    expect((await enroll(token, 'b')).body.code).toBe('authority_missing');
  });

  it('C8: of another fleet than the database knows signs nothing', async () => {
    const token = await tokenWith(['admin']);
    await join(token, 'host', 'a');
    await env.DB.prepare("UPDATE fleet SET ca_sha256 = 'other'").run();
    await restart();
    expect((await enroll(token, 'b')).body).toMatchObject({ code: 'authority_missing' });
  });

  it('C8: of the previous release, which the database does not know yet, is taken over', async () => {
    const token = await tokenWith(['admin']);
    const a = await join(token, 'host', 'a');
    await env.DB.prepare('DELETE FROM fleet').run();
    await restart();
    await connect(a);
    const recorded = await env.DB.prepare('SELECT fleet_id FROM fleet').first('fleet_id');
    expect(recorded).toBe(a.fleet_id);
  });
});

describe('the keys of the certificate authority', () => {
  const path = '/api/v1/authority';
  const opened = (wrapKey = 'a wrap key') => ({ ...bindings, AUTHORITY_WRAP_KEY: wrapKey });
  const asAdmin = async () => {
    const token = await tokenWith(['admin']);
    const exported = await call('POST', `${path}/export`, { token, bound: opened() });
    const bringBack = (body = exported.body, bound = opened()) =>
      call('POST', `${path}/import`, { token, body, bound });
    return { token, exported, bringBack };
  };

  it('C8: go out sealed, and come back into an empty namespace: hosts that joined before are known', async () => {
    const admin = await tokenWith(['admin']);
    const a = await join(admin, 'host', 'a');
    const { token, exported, bringBack } = await asAdmin();
    const before = await runInDurableObject(authority(), (_, state) => state.storage.get('fleet'));
    expect(exported).toMatchObject({ status: 200, body: { sealed: expect.stringMatching(/^[\w+/]{400,}=*$/) } });
    expect(exported.headers.get('cache-control')).toBe('no-store');
    expect(atob(exported.body.sealed)).not.toContain('fleet_id');
    await forget();
    expect((await enroll(token, 'b')).body.code).toBe('authority_missing');
    expect(await bringBack()).toMatchObject({ status: 200, body: { fleet_id: a.fleet_id } });
    expect(await runInDurableObject(authority(), (_, state) => state.storage.get('fleet'))).toEqual(before);
    await connect(a);
    expect((await enroll(token, 'c')).status).toBe(200);
    // Its answer was lost.
    expect((await bringBack()).status).toBe(200);
    const audit = await call('GET', '/api/v1/audit', { token });
    const acts = audit.body.items.map(({ act, status }: { act: string; status: number }) => `${act} ${status}`);
    expect(acts).toContain('POST /api/v1/authority/export 200');
    expect(acts).toContain('POST /api/v1/authority/import 200');
  });

  it('C8: stay where they are while no secret opens the way, and for who is no admin', async () => {
    const { token, exported } = await asAdmin();
    for (const way of ['export', 'import']) {
      const body = way === 'import' ? exported.body : undefined;
      expect(await call('POST', `${path}/${way}`, { token, body })).toMatchObject({
        status: 409,
        body: { code: 'authority_closed' },
      });
      const mover = await tokenWith(['migrate']);
      expect((await call('POST', `${path}/${way}`, { token: mover, body, bound: opened() })).status).toBe(403);
    }
  });

  it('C8: replace none that are there, and are of the fleet that the database knows', async () => {
    const { bringBack } = await asAdmin();
    await runInDurableObject(authority(), async (_, { storage }) => {
      const fleet = await storage.get<{ ca_pem: string }>('fleet');
      await storage.put('fleet', { ...fleet, ca_pem: 'another' });
    });
    expect((await bringBack()).body.code).toBe('authority_present');
    await forget();
    const refused = { status: 422, body: { code: 'authority_refused' } };
    expect(await bringBack(undefined, opened('another key'))).toMatchObject(refused);
    expect(await bringBack({ sealed: btoa('x'.repeat(400)) })).toMatchObject(refused);
    await env.DB.prepare("UPDATE fleet SET ca_sha256 = 'other'").run();
    expect(await bringBack()).toMatchObject({ ...refused, body: { detail: expect.stringContaining('another fleet') } });
    await env.DB.prepare('DELETE FROM fleet').run();
    expect(await bringBack()).toMatchObject({ ...refused, body: { detail: expect.stringContaining('no fleet') } });
    expect(await runInDurableObject(authority(), (_, state) => state.storage.get('fleet'))).toBeUndefined();
  });

  it('C8: are refused where the key is not that of the certificate', async () => {
    const { token } = await asAdmin();
    const stored = await runInDurableObject(authority(), (_, { storage }) => storage.get<StoredFleet>('fleet'));
    const sealed = await sealFleet('a wrap key', { ...stored!, ca_key: stored!.ticket_key });
    await forget();
    const answer = await call('POST', `${path}/import`, { token, body: { sealed }, bound: opened() });
    expect(answer.body.code).toBe('authority_refused');
  });
});

it('C8: a database that was restored to an earlier moment issues no id of a command twice', () => {
  const { saga } = storyAt('preflight');
  const issuedAt = (now: number) =>
    advance(saga, { type: 'preflight_passed', plan }, now)?.commands.map(({ id }) => id) ?? [];
  const [first, again] = [issuedAt(1_000), issuedAt(2_000)];
  expect(new Set([...first, ...again]).size).toBe(first.length + again.length);
  expect(first.toSorted()).toEqual(first);
});
