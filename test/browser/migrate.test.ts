import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Member } from '../../cli/local/fleet.ts';
import { describeUi, forStackAlone, useUi } from './support/use-ui.ts';

const mib = 1_048_576;
const endMsMax = 60_000;

describeUi('a stack is moved in the browser', () => {
  let hostA: Member;
  let hostB: Member;
  const the = useUi(async (ui) => {
    // Three seconds for what it sends: long enough that the bars are seen to move.
    hostA = await ui.addHost('host-a', '--bandwidth-limit', '16M');
    await ui.seed(hostA, 'guestbook', 48 * mib);
  });

  const state = (page: Page, word: string) => page.locator('#state', { hasText: word }).waitFor({ timeout: endMsMax });
  /** From the stack's page through destination and report to the migration's page. */
  const migrate = async (page: Page, target: string) => {
    await page.getByRole('link', { name: 'Migrate', exact: true }).click();
    await page.getByLabel(target).check();
    await forStackAlone(page);
    await page.getByRole('button', { name: 'Run pre-flight' }).click();
    await page.getByRole('button', { name: `Migrate to ${target}` }).click();
    await page.waitForURL('**/ui/migrations/mig_*');
  };
  const confirm = async (page: Page, label: string, word: string) => {
    await page.locator('summary', { hasText: label }).click();
    const form = page.locator('details[open] form');
    await form.getByRole('textbox').fill(word);
    return form.getByRole('button', { name: label });
  };

  test('with one host there is no way to migrate; with a second there is', async () => {
    const page = await the().enter();
    await page.getByRole('link', { name: 'guestbook' }).click();
    await page.getByRole('heading', { name: 'guestbook' }).waitFor();
    expect(await page.getByText('Migrate', { exact: true }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Add a host' }).getAttribute('href')).toBe('/ui/hosts');
    await page.locator('tr', { hasText: 'report' }).getByText('finished (exit 0)').waitFor();
    hostB = await the().addHost('host-b');
    await page.reload();
    await page.getByRole('link', { name: 'Migrate', exact: true }).waitFor();
  });

  test('where the only other host is closed, the button is there and says so', async () => {
    await the().fleet.api.post(`/hosts/${hostB.id}/cordon`, {});
    const page = await the().enter();
    await page.goto('/ui/stacks/guestbook');
    const button = page.getByRole('button', { name: 'Migrate' });
    expect(await button.isDisabled()).toBe(true);
    await page.getByText('No other host is online and open: host-b is cordoned.').waitFor();
    await the().fleet.api.post(`/hosts/${hostB.id}/uncordon`, {});
  });

  test('the report is shown before the go, the migration is followed live, and rolled back after the name was typed', async () => {
    const page = await the().enter();
    await page.goto('/ui/stacks/guestbook');
    await page.getByRole('link', { name: 'Migrate', exact: true }).click();
    await page.getByLabel('host-b').check();
    await forStackAlone(page);
    await page.getByRole('button', { name: 'Run pre-flight' }).click();
    await page.getByText('The pre-flight passed: all 22 checks. Nothing has been changed.').waitFor();
    await page.getByText('guestbook_data').first().waitFor();
    expect(await page.locator('.checks li').count()).toBe(22);
    expect((await the().fleet.api.get<{ items: unknown[] }>('/migrations')).items).toEqual([]);

    await page.getByRole('button', { name: 'Migrate to host-b' }).click();
    await page.waitForURL('**/ui/migrations/mig_*');
    // From here on the page is not reloaded: a mark in the window would be lost.
    await page.evaluate('window.sameDocument = true');
    await page.getByRole('progressbar', { name: 'guestbook_data' }).waitFor();
    await page.locator('.steps [aria-current=step]').first().waitFor();
    await page.getByText('guestbook has been down for').waitFor();
    await page.locator('.percent', { hasText: /^\d+%$/ }).waitFor();
    await page.waitForFunction('/^\\d+ % · guestbook: host-a → host-b · Stackferry$/.test(document.title)');
    await page.context().setOffline(true);
    await page.getByText('The control plane does not answer.').waitFor();
    await page.context().setOffline(false);
    await page.locator('#lost[hidden]').waitFor({ state: 'attached' });
    await state(page, 'completed');
    await page.getByText('guestbook moved to host-b.').waitFor();
    expect(await page.title()).toBe('completed · guestbook: host-a → host-b · Stackferry');
    await page.getByText('verifying → completed').waitFor();
    await page.getByText('Can be rolled back for').waitFor();
    await page.getByText('both sides were read back and are equal').waitFor();
    expect(await page.evaluate('window.sameDocument')).toBe(true);

    // The stack's page tells of the copy that is kept.
    await page.getByRole('link', { name: 'guestbook' }).click();
    await page.getByText('Moved from host-a, which keeps its copy, stopped.').waitFor();
    await page.getByRole('link', { name: 'Roll back or delete the source' }).click();

    const button = await confirm(page, 'Roll back', 'guestboo');
    expect(await button.isDisabled()).toBe(true);
    await page.locator('details[open]').getByRole('textbox').fill('guestbook');
    await button.click();
    await state(page, 'rolled back');
    await page.getByText('Rolled back: guestbook returned to host-a.').waitFor();
    await (await confirm(page, 'Delete target', 'guestbook')).click();
    await page.getByText('What was left on the target is deleted.').waitFor();
    expect(await page.locator('summary', { hasText: 'Delete target' }).count()).toBe(0);
  });

  test('the kept source is deleted only by its own name, whatever the browser lets through', async () => {
    const page = await the().enter();
    await page.goto('/ui/stacks/guestbook');
    await migrate(page, 'host-b');
    await state(page, 'completed');
    await page.locator('#trouble:empty').waitFor({ state: 'attached', timeout: endMsMax });
    const button = await confirm(page, 'Delete source', 'something');
    await button.evaluate((element: { disabled: boolean }) => {
      element.disabled = false;
    });
    await button.click();
    await page.getByText('Type "guestbook" to confirm; nothing was done.').waitFor();
    await (await confirm(page, 'Delete source', 'guestbook')).click();
    await page.getByText('What the source kept is deleted.').waitFor();
    expect(await page.getByRole('button', { name: 'Roll back' }).isDisabled()).toBe(true);
    await page.getByText('What the source kept has been deleted').first().waitFor();
    await page.goto('/ui/stacks/guestbook');
    expect(await page.getByText('keeps its copy').count()).toBe(0);
  });

  test('without scripts the same is done by forms and reloads', async () => {
    const page = await the().enter({ javaScriptEnabled: false });
    await page.goto('/ui/stacks/guestbook');
    await migrate(page, 'host-a');
    // The page reloads itself while there is something to wait for.
    await state(page, 'completed');
    const button = await confirm(page, 'Roll back', 'guestbook');
    await button.click();
    await state(page, 'rolled back');
  });

  test('what the pre-flight refuses cannot be started, and says why', async () => {
    const page = await the().enter();
    await page.goto('/ui/stacks/guestbook');
    // What the rollback left there is in the way.
    await page.getByRole('link', { name: 'Migrate', exact: true }).click();
    await forStackAlone(page);
    await page.getByRole('button', { name: 'Run pre-flight' }).click();
    await page.getByText(/The pre-flight failed: \d+ of 22 checks/).waitFor();
    // What stands in the way comes first, in words, and what passed is one line.
    await page.getByRole('heading', { name: 'What stands in the way' }).waitFor();
    expect(await page.locator('#failed').textContent()).toMatch(/Project name|Directories|Volume names/);
    await page.locator('summary', { hasText: /^\d+ checks passed$/ }).waitFor();
    expect(await page.getByRole('button', { name: 'Migrate to host-a' }).isDisabled()).toBe(true);
    await page.getByText('Fix what failed, or choose an option that allows it, then check again.').waitFor();
  });
});
