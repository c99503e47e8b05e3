import { handle, ok } from '@oazapfts/runtime';
import * as api from './client.ts';

/**
 * A program that knows the API only by the client that a generator made of its document. `generated-client.test.ts` puts
 * the client beside it, has both type-checked, and runs it.
 */
export async function moveByGeneratedClient(baseUrl: string, token: string, stack: string) {
  api.defaults.baseUrl = baseUrl;
  api.defaults.headers = { authorization: `Bearer ${token}` };

  const hosts: api.Host[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: api.HostPage = await ok(api.listHosts({ limit: 1, ...(cursor ? { cursor } : {}) }));
    hosts.push(...page.items);
    cursor = page.next_cursor;
  }
  const { host_id } = await ok(api.showStack(stack));
  const target = hosts.find(({ id }) => id !== host_id);
  if (!target) throw new Error('there is no second host');

  const request: api.MigrateRequest = { target_host_id: target.id, sizing: 'stack' };
  const report = await ok(api.preflight(stack, { target_host_id: target.id, sizing: 'stack' }));

  const idempotencyKey = `generated-${Date.now()}`;
  const started = await ok(api.migrate(stack, request, { idempotencyKey }));
  const again = await api.migrate(stack, request, { idempotencyKey });
  const busy = await handle(api.migrate(stack, request), {
    409: ({ code, migration_id }) => ({ code, migration_id }),
  });

  const seen = new Set<api.Migration['status']>();
  let migration = started;
  for (const giveUp = Date.now() + 120_000; migration.ended_at === null; migration = await shown(started.id)) {
    seen.add(migration.status);
    if (Date.now() > giveUp) throw new Error(`it is still ${migration.status}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const events = await ok(api.followMigration(started.id));

  const sameHost = await handle(api.migrate(stack, request), { 422: ({ code, detail }) => ({ code, detail }) });
  const unknown = await handle(api.showMigration('mig_00000000000000000000000000'), { 404: ({ code }) => code });
  const stranger = await handle(api.listHosts({}, { headers: { authorization: 'Bearer sfy_wrong' } }), {
    401: ({ code }) => code,
  });
  return {
    ...{ hosts: hosts.map(({ name }) => name), passed: report.passed, checks: report.checks.length },
    ...{ id: started.id, busy, sameHost, unknown, stranger, events, seen: [...seen] },
    again: again.status === 202 ? [again.data.id, again.headers.get('idempotency-replayed')] : again.status,
    end: { status: migration.status, source_host_id: migration.source_host_id, kept: migration.window !== null },
    left: [host_id, target.id] as const,
  };
}

const shown = (id: string) => ok(api.showMigration(id));
