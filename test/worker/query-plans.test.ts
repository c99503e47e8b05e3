import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { firstIdAt } from '../../schema/ids.ts';
import { hostsWithOpenCommands, openCommandsFor, ownerOfCommand } from '../../worker/store/commands.ts';
import { claimDelivery, dueDeliveries, forgetOldDeliveries } from '../../worker/store/deliveries.ts';
import { activeDrainIds, incomingTo, stacksOn } from '../../worker/store/drain-list.ts';
import { findEvent } from '../../worker/store/event-feed.ts';
import { recordAbsences } from '../../worker/store/fleet-events.ts';
import { countHosts } from '../../worker/store/host-count.ts';
import { keepersOf, latestMovesOf, stacksAt, writeInventory } from '../../worker/store/inventory-store.ts';
import {
  eventsAfter,
  listMigrations,
  migrationOrder,
  migrationsToRemind,
  newestEvents,
  stackIdsToWake,
} from '../../worker/store/migration-list.ts';
import { d1MigrationStore } from '../../worker/store/migration-store.ts';
import { surroundingsOf } from '../../worker/store/migration-surroundings.ts';
import { connectedNodes, listNodes, nodeOrder, revocationsOwed } from '../../worker/store/nodes.ts';
import {
  forgetDrains,
  forgetFleetEvents,
  forgetMigrations,
  forgetStacksAndNodes,
  trimMigrations,
} from '../../worker/store/retention.ts';
import { findStacks, listStacks, stackOrder } from '../../worker/store/stacks.ts';
import { recordingDb } from './support/databases.ts';
import { insertMigration, insertStack, summaryOf } from './support/records.ts';

/** Tables that grow with hosts, stacks or migrations. */
const grows = [
  ...['stack', 'migration', 'command', 'migration_event', 'transition', 'node', 'drain', 'drain_transition'],
  ...['webhook_event', 'webhook_delivery', 'webhook_endpoint'],
];

/** Indexes of what is due or open only: reading all of one is the point. */
const ofWhatIsDue = [
  'command_open',
  'migration_one_active_per_stack',
  'node_connected',
  'node_revocation_owed',
  'node_left',
  'node_back',
];

/** The steps of its plans that read a whole table, or a whole index of all rows. */
async function scans(act: (db: D1Database) => Promise<unknown>): Promise<string[]> {
  const { db, statements } = recordingDb();
  await act(db);
  expect(statements.length).toBeGreaterThan(0);
  const found: string[] = [];
  for (const { sql, params } of statements) {
    if (/^(begin|commit)/i.test(sql)) continue;
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...params)
      .all<{ detail: string }>();
    for (const { detail } of plan.results) {
      const [, table = '', index = ''] = /^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?/.exec(detail) ?? [];
      if (grows.includes(table) && !ofWhatIsDue.includes(index)) found.push(`${detail} <- ${sql}`);
    }
  }
  return found;
}

const now = 1_800_000_000_000;
const hosts = { source_host_id: 'host_a', target_host_id: 'host_b' };
const inventory = { added: [summaryOf('new')], seen: [{ id: 'stack_1', summary: summaryOf('x') }], gone: ['stack_2'] };

const newest = { order: migrationOrder('began', 'desc'), after: null, limit: 50, reports: false };
const oldest = { order: nodeOrder('created', 'asc'), after: null, limit: 50 };
const byName = { order: stackOrder('name', 'asc'), after: null, limit: 50 };

describe('C9 reads what an index lists, however large the fleet', () => {
  it.each<[string, (db: D1Database) => Promise<unknown>]>([
    ['the stacks of a host', (db) => stacksAt(db, 'host_a')],
    ['the latest moves of a host', (db) => latestMovesOf(db, 'host_a')],
    ['who keeps a leftover', (db) => keepersOf(db, ['mig_1', 'mig_2'])],
    ['the changes of an inventory', (db) => writeInventory(db, 'host_a', inventory, now)],
    ['the wake list', (db) => stackIdsToWake(db, now)],
    ['the reminders', (db) => migrationsToRemind(db, now)],
    ['the active drains', activeDrainIds],
    ['hosts with open commands', hostsWithOpenCommands],
    ['the open commands of a host', (db) => openCommandsFor(db, 'host_a')],
    ['the owner of a command', (db) => ownerOfCommand(db, 'mig_1.1')],
    ['owed revocations', revocationsOwed],
    ['the connections to be checked', (db) => connectedNodes(db, 3)],
    ['the number of hosts', countHosts],
    ['due deliveries', (db) => dueDeliveries(db, now)],
    ['a delivery', (db) => claimDelivery(db, { endpoint_id: 'whk_1', event_id: 'evt_1' }, now)],
    ['old deliveries', (db) => forgetOldDeliveries(db, now)],
    ['the stacks of a drain', (db) => stacksOn(db, 'host_a')],
    ['what comes to a host', (db) => incomingTo(db, 'host_a')],
    ['a stack by its name', (db) => findStacks(db, 'shop')],
    ['the hosts', (db) => listNodes(db, 'host', {}, oldest)],
    ['a page of hosts', (db) => listNodes(db, 'host', {}, { ...oldest, after: [firstIdAt('host', now)] })],
    ['migrations of a stack', (db) => listMigrations(db, { stack: 'shop' }, newest, now)],
    ['migrations of a host', (db) => listMigrations(db, { host: 'host_a' }, newest, now)],
    ['migrations that need attention', (db) => listMigrations(db, { status: ['needs_attention'] }, newest, now)],
    ['copies that are kept on a host', (db) => listMigrations(db, { host: 'host_a', kept: 'true' }, newest, now)],
    ['clean-ups that are due', (db) => listMigrations(db, { cleanup_due: true }, newest, now)],
    ['events of a migration', (db) => eventsAfter(db, 'mig_1', 0, 100)],
    ['the newest events', (db) => newestEvents(db, 'mig_1', 100)],
    ['the last event that a client saw', (db) => findEvent(db, 7)],
    ['hosts that have left or are back', (db) => recordAbsences(db, now)],
    ['events of the fleet to be forgotten', (db) => forgetFleetEvents(db, now)],
    ['history to be trimmed', (db) => trimMigrations(db, now)],
    ['drains to be forgotten', (db) => forgetDrains(db, now)],
    ['stacks and nodes to be forgotten', (db) => forgetStacksAndNodes(db, now, now)],
    [
      'what surrounds a page of migrations',
      (db) => surroundingsOf(db, [{ id: 'mig_1', stack_id: 'stack_1', requested_by: 'tok_1', ...hosts }]),
    ],
  ])('C9 %s', async (_, act) => {
    expect(await scans(act)).toEqual([]);
  });

  it('C9 what one stack waits for, and its active migration', async () => {
    const stack_id = await insertStack('shop', 'host_a');
    await insertMigration({ stack_id, stack_name: 'shop', ...hosts });
    const done = { stack_id, stack_name: 'shop', ...hosts, status: 'completed' as const };
    await insertMigration({ ...done, saga: { deadline_at: null } });
    await insertMigration({ ...done, saga: { deadline_at: 5 } });
    let waiting: string[] = [];
    const reads = await scans(async (db) => {
      const store = d1MigrationStore(db);
      expect(await store.activeOf(stack_id)).toMatchObject({ status: 'transferring' });
      waiting = (await store.waitingOf(stack_id)).map(({ status }) => status);
    });
    expect(reads).toEqual([]);
    expect(waiting.sort()).toEqual(['completed', 'transferring']);
    expect(await stackIdsToWake(env.DB, 6)).toEqual([stack_id]);
  });

  it('C9 lists of everything read their order from an index, and stop at the page', async () => {
    for (const act of [
      (db: D1Database) => listStacks(db, {}, byName),
      (db: D1Database) =>
        listStacks(db, { search: 'shop', running: 'true' }, { ...byName, after: ['shop', 'stack_1'] }),
      (db: D1Database) => listMigrations(db, {}, newest, now),
      (db: D1Database) => forgetMigrations(db, now),
    ])
      for (const scan of await scans(act)) expect(scan).toMatch(/^SCAN \w+ USING (COVERING )?INDEX|SCAN node/);
  });
});
