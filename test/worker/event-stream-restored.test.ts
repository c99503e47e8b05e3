import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { app } from '../../worker/app.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertEvent, insertMigration, insertStack } from './support/records.ts';

interface StreamEvent {
  id: string;
  kind: string;
  data: { n?: number; message?: string };
}

async function ended() {
  const token = await tokenWith(['admin']);
  const [a, b] = [(await createNode(token, 'host', 'a')).id, (await createNode(token, 'host', 'b')).id];
  const add = async (name: string) =>
    insertMigration({
      ...{ stack_id: await insertStack(name, a), stack_name: name, source_host_id: a, target_host_id: b },
      status: 'completed',
    });
  const id = await add('shop');
  const follow = async (last?: string): Promise<{ status: number; events: StreamEvent[] }> => {
    const headers = { authorization: `Bearer ${token}`, ...(last === undefined ? {} : { 'last-event-id': last }) };
    const response = await app.request(`http://stackferry.test/api/v1/migrations/${id}/events`, { headers }, bindings);
    const text = response.status === 204 ? '' : await response.text();
    const frames = [...text.matchAll(/id: (\S+)\nevent: (\w+)\ndata: (.*)\n/g)];
    const events = frames.map(([, of = '', kind = '', data = '']) => ({ id: of, kind, data: JSON.parse(data) }));
    return { status: response.status, events };
  };
  return { token, id, add, follow };
}
const told = ({ events }: { events: StreamEvent[] }) => events.map(({ kind, data }) => data.n ?? kind);
/** As a restored database is: what came after is undone, and its numbers are given again. */
async function restoreTo(id: number): Promise<void> {
  await env.DB.batch([
    env.DB.prepare('DELETE FROM migration_event WHERE id > ?').bind(id),
    env.DB.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = 'migration_event'").bind(id),
  ]);
  // Another millisecond, as any later one.
  await new Promise((resolve) => setTimeout(resolve, 3));
}

describe('C8: a stream that is resumed after a restore of the database', () => {
  it('C8: begins again with a reset if its last event lies ahead of all there are', async () => {
    const { id, follow } = await ended();
    for (const n of [1, 2, 3]) await insertEvent(id, 'status', { n });
    const { events } = await follow();
    expect(told({ events })).toEqual([1, 2, 3]);
    const [first, , last] = events.map((event) => event.id);
    await restoreTo(Number.parseInt(first!, 10));
    const again = await follow(last);
    expect(again.status).toBe(200);
    expect(told(again)).toEqual(['reset', 1]);
    expect(again.events[0]?.data.message).toContain('was restored');
    expect((await follow(again.events.at(-1)!.id)).status).toBe(204);
    expect((await follow(first)).status).toBe(204);
  });

  it('C8: and if the number of its last event was given again, to the same migration or to another one', async () => {
    const { id, add, follow } = await ended();
    for (const n of [1, 2, 3]) await insertEvent(id, 'status', { n });
    const [first, second, third] = (await follow()).events.map((event) => event.id);
    await restoreTo(Number.parseInt(first!, 10));
    const other = await add('blog');
    await insertEvent(other, 'status', { n: 9 });
    for (const n of [4, 5]) await insertEvent(id, 'status', { n });
    expect(told(await follow(second))).toEqual(['reset', 1, 4, 5]);
    expect(told(await follow(third))).toEqual(['reset', 1, 4, 5]);
    // What the restore has not undone is good.
    expect(told(await follow(first))).toEqual([4, 5]);
  });

  it('C20: the number alone is taken too, as the event feed and earlier clients have it', async () => {
    const { id, add, follow } = await ended();
    const other = await add('blog');
    await insertEvent(other, 'status', { n: 9 });
    for (const n of [1, 2]) await insertEvent(id, 'status', { n });
    const [first] = (await follow()).events.map((event) => Number.parseInt(event.id, 10));
    expect(told(await follow(String(first)))).toEqual([2]);
    expect(told(await follow('0'))).toEqual([1, 2]);
    expect(told(await follow(String(first! - 1)))).toEqual(['reset', 1, 2]);
    expect(told(await follow(String(first! + 100)))).toEqual(['reset', 1, 2]);
    for (const bad of ['-1', '1-', '1-2-3', '1.5', '9'.repeat(16)]) expect((await follow(bad)).status).toBe(422);
  });

  it('C20: a client that can’t set headers sends it in the query', async () => {
    const { token, id } = await ended();
    for (const n of [1, 2]) await insertEvent(id, 'status', { n });
    const headers = { authorization: `Bearer ${token}` };
    const url = `http://stackferry.test/api/v1/migrations/${id}/events`;
    const whole = await (await app.request(url, { headers }, bindings)).text();
    const [first] = [...whole.matchAll(/^id: (\S+)$/gm)].map(([, of]) => of);
    const rest = await (await app.request(`${url}?lastEventId=${first}`, { headers }, bindings)).text();
    expect(rest).toContain('{"n":2');
    expect(rest).not.toContain('{"n":1');
    expect((await app.request(`${url}?lastEventID=1`, { headers }, bindings)).status).toBe(422);
  });

  it('C10: one whose events were deleted in their time is at its end', async () => {
    const { token, id, follow } = await ended();
    for (const n of [1, 2]) await insertEvent(id, 'status', { n });
    const last = (await follow()).events.at(-1)!.id;
    await env.DB.prepare('DELETE FROM migration_event').run();
    expect((await follow(last)).status).toBe(204);
    expect((await follow(`${Number.parseInt(last, 10) + 1}-1`)).events.map(({ kind }) => kind)).toEqual(['reset']);
    expect((await follow('0')).status).toBe(204);
    expect((await call('GET', `/api/v1/migrations/${id}`, { token })).status).toBe(200);
  });
});
