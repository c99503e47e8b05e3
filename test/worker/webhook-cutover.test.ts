import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { type NotificationKind, webhookKinds } from '../../schema/webhook-kinds.ts';
import { d1MigrationStore } from '../../worker/store/migration-store.ts';
import { call, tokenWith } from './support/api.ts';
import { begun, drive } from './support/course.ts';
import { endpointOf, register } from './support/receiver.ts';

const url = 'https://hooks.example.com/stackferry';

async function rolledBack(): Promise<void> {
  const store = d1MigrationStore(env.DB, () => {});
  await drive(store, await begun(store), 'rolled_back');
}
const typesOf = async (endpoint: Awaited<ReturnType<typeof register>>) =>
  (await endpoint.deliveries()).map(({ type }) => type).toSorted();

const forPeople = ['migration.completed', 'migration.rolled_back', 'migration.started'];

it('programs are told of each host that clients should use, once', async () => {
  const endpoint = await register(await tokenWith(['admin']), url);
  const balancer = await register(await tokenWith(['admin']), url, ['migration.cutover']);
  await rolledBack();
  expect(await typesOf(endpoint)).toEqual([...forPeople, 'migration.cutover', 'migration.cutover'].toSorted());
  const { results } = await env.DB.prepare(
    "SELECT payload FROM webhook_event WHERE type = 'migration.cutover' ORDER BY id",
  ).all<{ payload: string }>();
  const told = results.map(({ payload }) => JSON.parse(payload).data);
  expect(told.map(({ status, clients_use }) => [status, clients_use.id])).toEqual([
    ['completed', 'host_b'],
    ['rolled_back', 'host_a'],
  ]);
  expect(await typesOf(balancer)).toEqual(['migration.cutover', 'migration.cutover']);
});

it.each(webhookKinds.filter((kind): kind is NotificationKind => kind !== 'standard'))(
  '%s: people get one message for each moment, unless they chose otherwise',
  async (kind) => {
    const token = await tokenWith(['admin']);
    const made = async (events: string[] | null) => {
      const email = { from: 'ops@example.com', to: ['ops@example.com'] };
      const more = kind === 'email' ? { email, token: 'tok' } : kind === 'gotify' ? { token: 'tok' } : {};
      const { status, body } = await call('POST', '/api/v1/webhooks', { token, body: { url, kind, events, ...more } });
      expect(status).toBe(201);
      return endpointOf(token, body.id, '');
    };
    const [byDefault, chosen] = [await made(null), await made(['migration.cutover'])];
    await rolledBack();
    expect(await typesOf(byDefault)).toEqual(forPeople);
    expect(await typesOf(chosen)).toEqual(['migration.cutover', 'migration.cutover']);
  },
);
