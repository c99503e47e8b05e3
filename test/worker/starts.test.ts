import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { d1MigrationStore } from '../../worker/store/migration-store.ts';
import { hostFacts, stackFacts, targetFacts } from '../saga/preflight/well-facts.ts';
import { connect } from './support/agent.ts';
import { call, tokenWith } from './support/api.ts';
import { begun } from './support/course.ts';
import { bindingsWith, forgetfulDb, overloadedDb } from './support/databases.ts';
import { fleet } from './support/fleet.ts';
import { join } from './support/node.ts';
import { insertStack } from './support/records.ts';

const gib = 2 ** 30;

/** Stacks `one` and `two` on a, each of which needs 1.1 GiB at least, and b with 1.5 GiB free of memory or disk. */
async function tightFleet(tight: 'memory' | 'disk') {
  const token = await tokenWith(['admin']);
  const [a, b] = [await join(token, 'host', 'a'), await join(token, 'host', 'b')];
  await connect(await join(token, 'relay', 'r'));
  for (const node of [a, b]) {
    const agent = await connect(node);
    agent.socket.addEventListener('message', ({ data }) => {
      const message = data === 'pong' ? {} : JSON.parse(data as string);
      if (message.type !== 'request') return;
      const { project, relays = [] } = message.payload;
      const facts = hostFacts();
      facts.resources[tight].free_bytes = 1.5 * gib;
      facts.relays = relays.map(({ id }: { id: string }) => ({ id, reachable: true, detail: '', rtt_ms: null }));
      const answers: Record<string, unknown> = {
        probe: facts,
        inspect_stack: { ...stackFacts, project },
        check_target: targetFacts,
        command_status: { state: 'running' },
      };
      agent.say({ type: 'answer', request_id: message.id, outcome: { ok: true, data: answers[message.kind] } });
    });
  }
  for (const name of ['one', 'two']) await insertStack(name, a.id);
  return (name: string) =>
    call('POST', `/api/v1/stacks/${name}/migrate`, { token, body: { target_host_id: b.id, sizing: 'stack' } });
}

describe('the start of a migration', () => {
  it.each([
    ['memory', 'target_capacity'],
    ['disk', 'target_disk'],
  ] as const)(
    'C5: of two that start at once, with %s for one, one is let in, the other told why not',
    async (of, name) => {
      const migrate = await tightFleet(of);
      const answers = await Promise.all([migrate('one'), migrate('two')]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 422]);
      const refused = answers.find(({ status }) => status === 422);
      const failed = refused?.body.report.checks.filter(({ status }: { status: string }) => status === 'fail');
      expect(failed).toMatchObject([{ name, measured: { reserved_bytes: gib } }]);
    },
  );

  it('C12: one whose insert took while its answer was lost is begun, and not refused because of itself', async () => {
    const stack_id = await insertStack('shop', 'host_a');
    const stores = { forgetful: d1MigrationStore(forgetfulDb()), sound: d1MigrationStore(env.DB) };
    const insert = vi.spyOn(stores.forgetful, 'insert');
    const id = await begun(stores.forgetful, { stack_id });
    expect(await insert.mock.results[0]?.value).toBe('inserted');
    expect((await stores.sound.activeOf(stack_id))?.id).toBe(id);
    const second = vi.spyOn(stores.sound, 'insert');
    await begun(stores.sound, { stack_id });
    expect(await second.mock.results[0]?.value).toBe('busy');
  });

  it('C12: one that has ended before the loss was noticed has begun all the same', async () => {
    const stack_id = await insertStack('shop', 'host_a');
    const ended = () => env.DB.prepare("UPDATE migration SET status = 'failed'").run();
    const store = d1MigrationStore(forgetfulDb(async () => void (await ended())));
    const insert = vi.spyOn(store, 'insert');
    await begun(store, { stack_id });
    expect(await insert.mock.results[0]?.value).toBe('inserted');
  });

  it('C16: is 202 once its row exists, though the database cannot be read any more', async () => {
    const { token, b } = await fleet();
    const bound = bindingsWith({ DB: overloadedDb(/from "migration" where/) });
    const options = { token, body: { target_host_id: b.id }, bound };
    const { status, body, headers } = await call('POST', '/api/v1/stacks/shop/migrate', options);
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/api/v1/migrations/${body.id}`);
    expect((await call('GET', `/api/v1/migrations/${body.id}`, { token })).status).toBe(200);
  });
});

describe('an overloaded database', () => {
  it('C16: is 503 with Retry-After, for a token, an act and a list; a fault of ours stays 500', async () => {
    const token = await tokenWith(['admin']);
    const overloaded = (statement: RegExp, message?: string) => bindingsWith({ DB: overloadedDb(statement, message) });
    for (const bound of [overloaded(/api_token/), overloaded(/from "node"/)]) {
      const answer = await call('GET', '/api/v1/hosts', { token, bound });
      expect(answer).toMatchObject({ status: 503, body: { code: 'control_unavailable' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const body = { name: 'x' };
    const act = await call('POST', '/api/v1/hosts', { token, body, bound: overloaded(/insert into "node"/) });
    expect(act.status).toBe(503);
    const fault = 'D1_ERROR: UNIQUE constraint failed: node.id: SQLITE_CONSTRAINT';
    const faulty = await call('POST', '/api/v1/hosts', { token, body, bound: overloaded(/insert into "node"/, fault) });
    expect(faulty).toMatchObject({ status: 500, body: { code: 'internal' } });
  });

  it('C16: an act that may have been done is not answered for by its Idempotency-Key', async () => {
    const token = await tokenWith(['admin']);
    const create = (bound?: ReturnType<typeof bindingsWith>) =>
      call('POST', '/api/v1/hosts', {
        ...{ token, body: { name: 'x' }, headers: { 'idempotency-key': 'k' } },
        ...(bound ? { bound } : {}),
      });
    expect((await create(bindingsWith({ DB: overloadedDb(/insert into "node"/) }))).status).toBe(503);
    expect((await create()).body.code).toBe('idempotency_in_flight');
  });
});

it('C17: a failed query leaves its cause in the log, and none of its values', async () => {
  const lines: string[] = [];
  vi.spyOn(console, 'error').mockImplementation((line) => void lines.push(line));
  const token = await tokenWith(['admin']);
  const body = { url: 'https://hooks.example.com/T024/canary-of-the-url', events: null };
  const bound = bindingsWith({ DB: overloadedDb(/insert into "webhook_endpoint"/) });
  const answer = await call('POST', '/api/v1/webhooks', { token, body, bound });
  expect(lines.join() + JSON.stringify(answer.body)).not.toContain('canary');
  expect(lines.join()).toContain('D1 DB is overloaded');
  expect(answer.status).toBe(503);
  vi.restoreAllMocks();
});
