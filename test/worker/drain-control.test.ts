import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { describe, expect, it, vi } from 'vitest';
import type { CommandKind } from '../../schema/commands.ts';
import type { Status } from '../../schema/migration-status.ts';
import { migration } from '../../worker/tables/migrations.ts';
import { call, tokenWith } from './support/api.ts';
import { drainFleet, gib, good, patient, stacksOf } from './support/drain-fleet.ts';
import { insertMigration, insertStack } from './support/records.ts';

/** Holds each migration at its deploy until `through()` lets all that wait go on. */
const heldAtDeploy = (kind: CommandKind) => (kind === 'deploy' ? null : good(kind));

const objectOf = (id: string) => env.HOST_DRAIN.get(env.HOST_DRAIN.idFromName(id));

type There = Awaited<ReturnType<typeof drainFleet>>;
const waitingAtDeploy = ({ held }: There) => held.filter(({ kind }) => kind === 'deploy');
const through = (there: There) => {
  for (const one of there.held.splice(0)) one.answer(good(one.kind));
};
const untilHeld = (there: There, number: number) =>
  vi.waitFor(() => expect(waitingAtDeploy(there)).toHaveLength(number), patient);
const unended = async (there: There) =>
  (await there.migrations()).filter(({ ended_at }: { ended_at: string | null }) => ended_at === null).length;
const counts = ({ summary: { waiting, moving, moved, stayed } }: { summary: Record<string, number> }) => ({
  waiting,
  moving,
  moved,
  stayed,
});

describe('a drain that runs', () => {
  it('moves as many at a time as it may, never more, and ends as completed', async () => {
    const there = await drainFleet({ targets: { b: 32 * gib }, stacks: stacksOf(5, gib / 4), outcome: heldAtDeploy });
    const { body } = await there.drain({ max_parallel: 2 });
    for (const left of [5, 3, 1]) {
      await untilHeld(there, Math.min(2, left));
      await runDurableObjectAlarm(objectOf(body.id));
      expect(counts(await there.show(body.id))).toMatchObject({ moving: Math.min(2, left), moved: 5 - left });
      expect(await unended(there), 'that have begun and not ended').toBe(Math.min(2, left));
      through(there);
    }
    expect(counts(await there.ended(body.id))).toEqual({ waiting: 0, moving: 0, moved: 5, stayed: 0 });
  }, 90_000);

  it('paused starts nothing more, lets what runs finish, and goes on when it is resumed', async () => {
    const there = await drainFleet({ targets: { b: 32 * gib }, stacks: stacksOf(3, gib / 4), outcome: heldAtDeploy });
    const { body } = await there.drain({ max_parallel: 1 });
    await untilHeld(there, 1);
    expect(await there.post(`drains/${body.id}/pause`)).toMatchObject({ status: 202, body: { status: 'paused' } });
    through(there);
    await there.until(body.id, ({ summary }) => summary.moved === 1);
    await runDurableObjectAlarm(objectOf(body.id));
    expect(counts(await there.show(body.id))).toEqual({ waiting: 2, moving: 0, moved: 1, stayed: 0 });
    expect(await there.post(`drains/${body.id}/resume`)).toMatchObject({ status: 202, body: { status: 'running' } });
    for (const _ of [1, 2]) {
      await untilHeld(there, 1);
      through(there);
    }
    expect(await there.ended(body.id)).toMatchObject({ status: 'completed' });
  }, 90_000);

  it.each([
    ['lets what runs finish', {}, { waiting: 0, moving: 0, moved: 1, stayed: 2 }],
    [
      'takes running migrations back if asked to',
      { cancel_running: true },
      { waiting: 0, moving: 0, moved: 0, stayed: 3 },
    ],
  ])(
    'aborted %s; the others stay, and the host stays cordoned until it is opened',
    async (_, how, ends) => {
      const there = await drainFleet({ targets: { b: 32 * gib }, stacks: stacksOf(3, gib / 4), outcome: heldAtDeploy });
      const { body } = await there.drain({ max_parallel: 1 });
      await untilHeld(there, 1);
      expect((await there.post(`hosts/${there.idOf('a')}/uncordon`)).body.code).toBe('drain_running');
      expect(await there.post(`drains/${body.id}/abort`, how)).toMatchObject({ status: 202 });
      if (!('cancel_running' in how)) through(there);
      const end = await there.ended(body.id);
      expect(end.status).toBe('aborted');
      expect(counts(end)).toEqual(ends);
      expect((await there.post(`drains/${body.id}/resume`)).body.code).toBe('drain_ended');
      const opened = await there.post(`hosts/${there.idOf('a')}/uncordon`);
      expect(opened).toMatchObject({ status: 200, body: { cordoned_at: null } });
    },
    90_000,
  );

  it('F2 goes on where it was when its object is evicted again and again', async () => {
    const there = await drainFleet({ targets: { b: 32 * gib }, stacks: stacksOf(4, gib / 4) });
    const { body } = await there.drain({ max_parallel: 2 });
    const object = objectOf(body.id);
    const end = await vi.waitFor(async () => {
      await evictDurableObject(object);
      await runDurableObjectAlarm(object);
      const view = await there.show(body.id);
      if (view.ended_at === null) throw new Error(`not yet: ${JSON.stringify(view.summary)}`);
      return view;
    }, patient);
    expect(end).toMatchObject({ status: 'completed', summary: { moved: 4 } });
    const names = (await there.migrations()).map(({ stack }) => stack.name);
    expect(names.toSorted(), 'each was moved once').toEqual(['web-01', 'web-02', 'web-03', 'web-04']);
  }, 90_000);
});

describe('a stack of a drain', () => {
  it('goes where the plan saw it, although what was moved before it uses little there yet', async () => {
    const there = await drainFleet({
      targets: { b: 5 * gib, c: 6 * gib },
      stacks: { blog: 3 * gib, shop: 2 * gib, wiki: 2 * gib },
    });
    const plan = await there.drain({ dry_run: true });
    const goes = ({ stacks }: typeof plan.body) =>
      Object.fromEntries(stacks.map(({ stack, target }: typeof plan.body) => [stack.name, target.name]));
    expect(goes(plan.body)).toEqual({ blog: 'c', shop: 'b', wiki: 'b' });
    // Both hosts go on saying that they have as much free as before.
    const { body } = await there.drain({ max_parallel: 1 });
    expect(goes(await there.ended(body.id))).toEqual(goes(plan.body));
  }, 60_000);

  it('that its migration’s own pre-flight refuses stays, by what that found', async () => {
    let asked = 0;
    const there = await drainFleet({
      stacks: { shop: gib },
      // Free when it is planned and when it is chosen, taken when it goes.
      finds: () => (++asked > 2 ? { ports_taken: [{ name: '80/tcp', by: 'nginx' }] } : {}),
    });
    const { body } = await there.drain();
    const end = await there.ended(body.id);
    expect(end).toMatchObject({
      status: 'failed',
      stacks: [{ status: 'stayed', migration_id: expect.stringMatching(/^mig_/) }],
    });
    expect(end.stacks[0].obstacle).toMatchObject({
      code: 'preflight_failed',
      message: expect.stringContaining('ports_free: '),
    });
    expect(await there.homeOf('shop')).toBe('a');
  }, 60_000);
});

describe('what keeps a drain from beginning', () => {
  it('is another drain of that host, or no host that is open', async () => {
    const there = await drainFleet({ targets: { b: 32 * gib }, stacks: stacksOf(2, gib / 4), outcome: heldAtDeploy });
    const host = there.idOf('a');
    await there.post(`hosts/${there.idOf('b')}/cordon`);
    expect(await there.drain()).toMatchObject({ status: 409, body: { code: 'no_target' } });
    await there.post(`hosts/${there.idOf('b')}/uncordon`);
    const { body } = await there.drain();
    const second = await there.drain();
    expect(second).toMatchObject({ status: 409, body: { code: 'drain_running', drain_id: body.id } });
    expect((await there.drain({ target_host_id: host })).body.code).toBe('same_host');
    expect((await there.drain({ stacks: ['none'] }, 'b')).status).toBe(404);
  }, 60_000);

  it('is a token that may only read, and so is it to all that changes one; it may look', async () => {
    const there = await drainFleet({ stacks: stacksOf(1, gib), outcome: heldAtDeploy });
    const { body } = await there.drain();
    const host = `hosts/${there.idOf('a')}`;
    const drain = `drains/${body.id}`;
    const token = await tokenWith(['read']);
    for (const path of [
      ...['drain', 'cordon', 'uncordon'].map((act) => `${host}/${act}`),
      ...['pause', 'resume', 'abort'].map((act) => `${drain}/${act}`),
    ])
      expect(await call('POST', `/api/v1/${path}`, { token, body: {} }), path).toMatchObject({
        status: 403,
        body: { code: 'forbidden' },
      });
    expect(await call('GET', `/api/v1/${drain}`, { token })).toMatchObject({
      status: 200,
      body: { status: 'running' },
    });
  });

  it('is a migration that will end on that host, and no other; the host is then as it was', async () => {
    const there = await drainFleet({ stacks: {} });
    const [a, b] = [there.idOf('a'), there.idOf('b')];
    const between = async (source_host_id: string, target_host_id: string, status: Status) => {
      const stack_name = `shop-${status}`;
      const stack_id = await insertStack(stack_name, source_host_id);
      return insertMigration({ stack_id, stack_name, source_host_id, target_host_id, status });
    };
    await between(b, a, 'reverting');
    await between(a, b, 'preparing');
    for (const [from, to, status] of [
      [b, a, 'transferring'],
      [a, b, 'rolling_back'],
    ] as const) {
      const coming = await between(from, to, status);
      expect(await there.drain()).toMatchObject({ status: 409, body: { code: 'host_busy', migration_id: coming } });
      const host = await call('GET', `/api/v1/hosts/${a}`, { token: there.token });
      expect(host.body.cordoned_at).toBeNull();
      await drizzle(env.DB).delete(migration).where(eq(migration.id, coming));
    }
    expect((await there.drain()).status).toBe(202);
  });

  it('a cordoned host takes no migration, and says so before anything is asked of it', async () => {
    const there = await drainFleet({ stacks: { shop: gib } });
    await there.post(`hosts/${there.idOf('b')}/cordon`);
    const answer = await there.post('stacks/shop/migrate', { target_host_id: there.idOf('b') });
    expect(answer).toMatchObject({ status: 409, body: { code: 'host_cordoned' } });
    expect(await there.migrations()).toEqual([]);
  });
});
