import { env } from 'cloudflare:workers';
import { insertMigration, summaryOf } from './records.ts';

/** Ids as the statements below make them. */
export const hostAt = (n: number) => `host_${String(n).padStart(26, '0')}`;

const resources = JSON.stringify({
  cpu: { cores: 8, load_1m: 0.4 },
  memory: { total_bytes: 34_359_738_368, used_bytes: 12_884_901_888, free_bytes: 21_474_836_480 },
  disk: { total_bytes: 2_199_023_255_552, used_bytes: 549_755_813_888, free_bytes: 1_649_267_441_664 },
});

const upTo = (many: number) => `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${many})`;

/** A fleet of this size, all of it heard from just now. */
export async function insertMany({ hosts, stacks, migrations }: { hosts: number; stacks: number; migrations: number }) {
  const now = Date.now();
  const summary = JSON.stringify({
    ...summaryOf('app'),
    ports: [{ host_ip: '0.0.0.0', port: 8080, protocol: 'tcp' }],
  });
  const template = await insertMigration({
    ...{ stack_id: 'stack_template', stack_name: 'template', source_host_id: hostAt(0), target_host_id: hostAt(1) },
    ...{ status: 'completed', created_at: now - 86_400_000 },
  });
  const host = (i: string) => `printf('host_%026d', ${i} % ${hosts})`;
  await env.DB.batch([
    env.DB.prepare(
      `${upTo(hosts)} INSERT INTO node (id, kind, name, created_at, joined_at, seen_at, connected, agent_version, resources)
       SELECT printf('host_%026d', i), 'host', printf('server-%04d', i), ?1, ?1, ?1, 1, '0.2.0', ?2 FROM n`,
    ).bind(now, resources),
    env.DB.prepare(
      `${upTo(stacks)} INSERT INTO stack (id, name, home_id, summary, created_at, seen_at)
       SELECT printf('stack_%026d', i), printf('app-%05d', i), ${host('i')}, ?2, ?1, ?1 FROM n`,
    ).bind(now, summary),
    env.DB.prepare(
      `${upTo(migrations)} INSERT INTO migration (id, stack_id, stack_name, source_host_id, target_host_id, mode, sizing,
         status, version, saga, requested_by, created_at, updated_at, ended_at)
       SELECT printf('mig_%026d', i), printf('stack_%026d', i % ${stacks}), printf('app-%05d', i % ${stacks}),
         ${host('(i + 1)')}, ${host('i')}, t.mode, t.sizing, t.status, t.version, t.saga, t.requested_by,
         t.created_at, t.updated_at, t.ended_at
       FROM n, migration AS t WHERE t.id = ?1`,
    ).bind(template),
    env.DB.prepare('DELETE FROM migration WHERE id = ?1').bind(template),
  ]);
}
