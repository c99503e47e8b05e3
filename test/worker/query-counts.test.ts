import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { moveOptionsOf } from '../../schema/move-options.ts';
import { survey } from '../../worker/objects/host-drain/plan-drain.ts';
import { migrationEventStream } from '../../worker/routes/event-stream.ts';
import { connect } from './support/agent.ts';
import { answerAll } from './support/answers.ts';
import { bindings } from './support/api.ts';
import { bindingsWith, recordingDb } from './support/databases.ts';
import { twoHosts } from './support/hosts.ts';
import { set } from './support/lying-fleet.ts';
import { join } from './support/node.ts';
import { insertEvent, insertMigration, insertStack } from './support/records.ts';

describe('C13 a bounded number of queries', () => {
  it('C13 an event stream reads the database now and then, and asks the object once for each look', async () => {
    // Five minutes, a hundred times as fast.
    set(limits.control, { sseMsMax: 3_000, ssePollMs: 5, sseReviewMs: 20 });
    const { a, b } = await twoHosts();
    const hosts = { source_host_id: a.id, target_host_id: b.id };
    const id = await insertMigration({ stack_id: await insertStack('shop', a.id), stack_name: 'shop', ...hosts });
    await insertEvent(id, 'notice', { message: 'under way' });
    const { db, statements } = recordingDb();
    let calls = 0;
    const STACK_MIGRATION = {
      idFromName: (name: string) => bindings.STACK_MIGRATION.idFromName(name),
      get: (stack: DurableObjectId) => {
        calls += 1;
        return bindings.STACK_MIGRATION.get(stack);
      },
    } as unknown as typeof bindings.STACK_MIGRATION;
    const text = await new Response(migrationEventStream(bindingsWith({ DB: db, STACK_MIGRATION }), id, 0)).text();
    expect(text).toContain('under way');
    expect(statements.length).toBeGreaterThan(10);
    expect(statements.length + calls).toBeLessThan(1_000);
  });

  it('C13 a plan asks the database as often for sixty stacks as for one', async () => {
    const { admin, a, b } = await twoHosts();
    const relay = await join(admin, 'relay', 'r');
    for (const host of [a, b]) answerAll(await connect(host));
    await connect(relay);
    const inputs = { host: a.id, target: null, mode: 'stop-copy' as const, per_stack: {}, ...moveOptionsOf({}) };
    const stacks: { id: string; name: string }[] = [];
    const asked: number[] = [];
    for (const count of [1, 60]) {
      while (stacks.length < count) {
        const name = `shop-${stacks.length}`;
        stacks.push({ id: await insertStack(name, a.id), name });
      }
      const { db, statements } = recordingDb();
      const plan = await survey(bindingsWith({ DB: db }), inputs, stacks);
      expect(plan.stacks).toHaveLength(count);
      expect(plan.stacks.some(({ choice }) => choice.kind === 'target')).toBe(true);
      asked.push(statements.length);
    }
    expect(asked[1]).toBe(asked[0]);
    expect(asked[0]).toBeLessThan(15);
  });
});
