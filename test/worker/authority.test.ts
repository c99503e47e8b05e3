import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { agentPaths } from '../../schema/agent-protocol.ts';
import { advance } from '../../worker/migration/advance.ts';
import { plan, storyAt } from '../saga/story.ts';
import { connect } from './support/agent.ts';
import { call, tokenWith } from './support/api.ts';
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
    await join(token, 'host', 'a');
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

it('C8: a database that was restored to an earlier moment issues no id of a command twice', () => {
  const { saga } = storyAt('preflight');
  const issuedAt = (now: number) =>
    advance(saga, { type: 'preflight_passed', plan }, now)?.commands.map(({ id }) => id) ?? [];
  const [first, again] = [issuedAt(1_000), issuedAt(2_000)];
  expect(new Set([...first, ...again]).size).toBe(first.length + again.length);
  expect(first.toSorted()).toEqual(first);
});
