import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { candidatesOf } from '../../worker/ui/destinations.ts';
import type { HostView } from '../../worker/ui/views.ts';
import { tokenWith } from './support/api.ts';
import { visit } from './support/counting.ts';
import { hostAt, insertMany } from './support/many.ts';
import { logIn } from './support/ui.ts';

const gib = 2 ** 30;

/** A stack on the first of these hosts, whose free memory is given in GiB; each has 32. */
async function fleetWith(...free: number[]) {
  await insertMany({ hosts: free.length, stacks: 1, migrations: 0 });
  for (const [n, memory] of free.entries())
    await env.DB.prepare(
      `UPDATE node SET resources = json_set(resources, '$.memory.free_bytes', ?1, '$.memory.used_bytes', ?2) WHERE id = ?3`,
    )
      .bind(memory * gib, (32 - memory) * gib, hostAt(n))
      .run();
  const cookie = await logIn(await tokenWith(['migrate']));
  const page = async (query = '') =>
    (await visit(`/ui/stacks/app-00000/migrate?from=${hostAt(0)}${query}`, cookie)).html.replaceAll(/\s+/g, ' ');
  return { page };
}

const cardOf = (html: string, n: number) =>
  html.split('<label class="choice destination">').find((card) => card.includes(`value="${hostAt(n)}"`)) ?? '';

describe('the choice of a destination', () => {
  it('shows the free room of each host and whether all of the source would fit; the roomiest comes first and is chosen', async () => {
    const { page } = await fleetWith(22, 4, 30, 16);
    const html = await page();
    const order = [...html.matchAll(/name="target" value="(host_\d+)"/g)].map(([, id]) => id);
    expect(order).toEqual([hostAt(2), hostAt(3), hostAt(1)]);
    expect(cardOf(html, 2)).toContain('checked');
    expect(cardOf(html, 2)).toContain('30.0 of 32.0 GiB free');
    expect(cardOf(html, 2)).toContain('room for all of server-0000');
    // 10 GiB used, with the margin 12.
    expect(cardOf(html, 1)).toContain('not for all of server-0000');
    expect(cardOf(html, 1)).toContain('8.0 GiB of memory short of that');
    expect(cardOf(html, 3)).toContain('room for all of server-0000');
  });

  it('does not offer what would be refused, and says why', async () => {
    const { page } = await fleetWith(22, 30, 30);
    await env.DB.prepare('UPDATE node SET cordoned_at = 1 WHERE id = ?1').bind(hostAt(1)).run();
    await env.DB.prepare('UPDATE node SET connected = 0, seen_at = 1 WHERE id = ?1').bind(hostAt(2)).run();
    const html = await page();
    expect(cardOf(html, 1)).toContain('It is cordoned: no migration may target it.');
    expect(cardOf(html, 2)).toContain('It is offline.');
    for (const n of [1, 2]) expect(cardOf(html, n)).toContain('disabled');
    expect(html).toMatch(/<button type="submit" class="primary" disabled="?"?>\s?Run pre-flight/);
  });

  it('keeps room, bandwidth and options under one heading, which is open if something of it is chosen', async () => {
    const { page } = await fleetWith(22, 30);
    expect(await page()).toMatch(/<details class="card fold"><summary><h2>Advanced/);
    expect(await page('&sizing=stack')).toMatch(/<details class="card fold" open="?"?><summary><h2>Advanced/);
    expect(await page()).toContain('Needs 12.0 GiB of memory');
  });

  it('offers a few dozen of hundreds, and finds the others by name', async () => {
    const { page } = await fleetWith(...Array.from({ length: 40 }, () => 20));
    const shown = (html: string) => html.split('<label class="choice destination">').length - 1;
    const html = await page();
    expect(shown(html)).toBe(limits.ui.destinationsMax);
    expect(html).toContain(`Only the ${limits.ui.destinationsMax} with the most room are shown.`);
    const found = await page('&find=server-0039');
    expect(shown(found)).toBe(1);
    expect(cardOf(found, 39)).toContain('server-0039');
    expect(await page('&find=nowhere')).toContain('No other host has that in its name');
  });
});

describe('candidates', () => {
  const host = (id: string, memory: number, more: Partial<HostView> = {}) =>
    ({
      ...{ id, name: id, status: 'online', cordoned_at: null },
      resources: {
        memory: { total_bytes: 32, used_bytes: 32 - memory, free_bytes: memory },
        disk: { total_bytes: 32, used_bytes: 16, free_bytes: 16 },
      },
      ...more,
    }) as HostView;

  it('are open ones first, then those that fit, then by room; hosts that never joined are none', () => {
    const found = candidatesOf(
      [
        host('a', 30, { cordoned_at: '2026-01-01' }),
        host('b', 2),
        host('c', 9),
        host('d', 12),
        host('e', 5, { status: 'pending' }),
      ],
      'source',
      { memory_bytes: 8, disk_bytes: 8 },
    );
    expect(found.map(({ host: { id } }) => id)).toEqual(['d', 'c', 'b', 'a']);
    expect(found[2]!.lacks).toEqual({ memory_bytes: 6, disk_bytes: 0 });
  });
});
