import { expect, test } from 'vitest';
import type { Member } from '../../cli/local/fleet.ts';
import type { DrainView } from '../../schema/api/drains.ts';
import { describeUi, useUi } from './support/use-ui.ts';

const mib = 1_048_576;

describeUi('a host is drained in the browser', () => {
  let old: Member;
  const the = useUi(async (ui) => {
    // Six seconds for the larger stack: long enough that its progress is seen.
    old = await ui.addHost('old', '--bandwidth-limit', '4M');
    await ui.addHost('new');
    await ui.seed(old, 'blog', 2 * mib);
    await ui.seed(old, 'shop', 24 * mib);
  });

  test('the plan comes first, the drain moves one stack after the other, pauses and goes on, and the host is reopened', async () => {
    const page = await the().enter();
    await page.goto(`/ui/hosts/${old.id}`);
    await page.getByRole('link', { name: 'Drain', exact: true }).click();
    await page.getByText('All 2 stacks can move.').waitFor();
    await page.getByLabel('At a time').fill('1');
    await page.getByRole('button', { name: 'Plan again' }).click();
    await page.waitForURL('**max_parallel=1*');
    expect((await the().fleet.api.get<{ items: unknown[] }>('/drains')).items).toEqual([]);
    // The reasons are on a phone too.
    const small = await the().enter({ viewport: { width: 360, height: 740 } });
    await small.goto(`/ui/hosts/${old.id}/drain`);
    await small
      .getByText(/"new" has the room: memory/)
      .first()
      .waitFor();
    await small.close();

    await page.locator('summary', { hasText: 'Start the drain' }).click();
    const form = page.locator('details[open] form');
    const start = form.getByRole('button', { name: 'Start the drain' });
    await form.getByRole('textbox').fill('new');
    expect(await start.isDisabled()).toBe(true);
    await form.getByRole('textbox').fill('old');
    await start.click();
    await page.waitForURL('**/ui/drains/drain_*');

    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused: no more migrations are started.').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('The drain continues.').waitFor();
    await page.getByRole('progressbar', { name: 'Progress of shop' }).waitFor();
    expect(await page.title()).toMatch(/^[01] of 2 · Drain of old · Stackferry$/);
    await page.evaluate('window.sameDocument = true');
    await page.locator('#state', { hasText: 'completed' }).waitFor({ timeout: 90_000 });
    await page.getByText('Ended: 2 moved.').waitFor();
    expect(await page.evaluate('window.sameDocument')).toBe(true);
    const [drain] = (await the().fleet.api.get<{ items: DrainView[] }>('/drains')).items;
    expect(drain).toMatchObject({ status: 'completed', max_parallel: 1 });

    await page.getByRole('button', { name: 'Uncordon old' }).click();
    await page.getByText('The host is open to migrations again.').waitFor();
  }, 150_000);

  test('a drain that cannot begin says so on its plan', async () => {
    const page = await the().enter();
    await page.goto(`/ui/hosts/${old.id}`);
    expect(await page.getByRole('button', { name: 'Drain' }).isDisabled()).toBe(true);
    await page.getByText('No stack runs here.').first().waitFor();
    await page.goto(`/ui/hosts/${old.id}/drain?target=${old.id}`);
    await page.getByText('that is the host to be emptied').waitFor();
  });
});
