import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { describeUi, logIn, useUi } from './support/use-ui.ts';

describeUi('hosts, relays and tokens in the browser', () => {
  const the = useUi(async (ui) => {
    await ui.addHost('host-a');
  });
  const names = async (list: 'hosts' | 'relays') => {
    const { items } = await the().fleet.api.get<{ items: { name: string }[] }>(`/${list}`);
    return items.map(({ name }) => name);
  };
  /** Types the word into the open form, and sends it. */
  const confirm = async (page: Page, label: string, word: string) => {
    const form = page.locator('details[open] form');
    const button = form.getByRole('button', { name: label });
    await form.locator('button:disabled').waitFor();
    await form.getByRole('textbox').fill(word);
    await button.click();
  };

  test('a new host gets the command that joins it, this once; a reload makes no second one', async () => {
    const page = await the().enter();
    await page.goto('/ui/hosts');
    await page.getByLabel('New host').fill('fresh');
    await page.getByRole('button', { name: 'Add host' }).click();
    const command = await page.locator('.secret pre').first().textContent();
    expect(command).toMatch(/^curl -fsSL http:\S+\/install\.sh \| sudo sh -s -- --name fresh --join sfj_\w+$/);
    await page.reload();
    expect(await page.locator('.secret pre').first().textContent()).toBe(command);
    expect(await names('hosts')).toEqual(['host-a', 'fresh']);
    await page.getByText('Or run it in a container').click();
    const token = command!.split(' ').at(-1)!;
    for (const start of ['docker run -d --name stackferry-agent', 'name: stackferry-agent']) {
      const block = page.locator('.secret pre', { hasText: start });
      expect(await block.isVisible()).toBe(true);
      expect(await block.textContent()).toContain(token);
    }
    await page.getByRole('link', { name: 'Watch it come online' }).click();
    await page.locator('#hosts').getByText('has not joined').waitFor();
    expect(await page.locator('.secret').count()).toBe(0);
  });

  test('a name that is taken is refused with the reason', async () => {
    const page = await the().enter();
    await page.goto('/ui/hosts');
    await page.getByLabel('New host').fill('host-a');
    await page.getByRole('button', { name: 'Add host' }).click();
    await page.getByText('There is a host named "host-a" already.').waitFor();
  });

  test('a host is cordoned and reopened, and deleted by its name', async () => {
    const page = await the().enter();
    await page.goto('/ui/hosts');
    await page.getByRole('link', { name: 'host-a' }).click();
    await page.getByRole('button', { name: 'Cordon', exact: true }).click();
    await page.locator('#state', { hasText: 'cordoned' }).waitFor();
    await page.getByRole('button', { name: 'Uncordon' }).click();
    await page.getByText('The host is open to migrations again.').waitFor();
    await page.locator('summary', { hasText: 'Delete host' }).click();
    await confirm(page, 'Delete host', 'host-a');
    await page.getByText('The host is deleted.').waitFor();
    expect(await names('hosts')).toEqual(['fresh']);
  });

  test('a relay is deleted by its name', async () => {
    const page = await the().enter();
    await page.goto('/ui/hosts');
    await page.getByRole('link', { name: 'Delete…' }).click();
    await confirm(page, 'Delete relay', 'relay');
    await page.getByText('The relay is deleted.').waitFor();
    expect(await names('relays')).toEqual([]);
  });

  test('a token is shown once, lets its bearer in, and no more once it is revoked', async () => {
    const page = await the().enter();
    await page.goto('/ui/tokens');
    await page.getByLabel('Name').fill('deploy');
    await page.getByLabel('May').selectOption('migrate');
    await page.getByLabel('Valid for, in days').fill('30');
    await page.getByRole('button', { name: 'Create' }).click();
    const token = (await page.locator('.secret pre').first().textContent())?.trim() ?? '';
    const visitor = await the().enter({ token });
    await visitor.getByText('No stacks are reported yet').waitFor();

    await page.goto('/ui/tokens');
    await page.locator('tr', { hasText: 'deploy' }).getByRole('link', { name: 'Revoke…' }).click();
    await confirm(page, 'Revoke', 'deploy');
    await page.getByText('The token is revoked.').waitFor();
    await visitor.reload();
    await visitor.getByText('Your session has ended.').waitFor();
    await logIn(visitor, token);
    await visitor.getByText('That API token was revoked.').waitFor();
  });

  test('the last token that can administer stays', async () => {
    const page = await the().enter();
    await page.goto('/ui/tokens');
    await page.locator('tr', { hasText: 'first admin token' }).getByRole('link', { name: 'Revoke…' }).click();
    await confirm(page, 'Revoke', 'first admin token');
    await page.getByText('It is the last usable token').waitFor();
    await page.goto('/ui/audit');
    await page.getByText('last_admin_token').waitFor();
  });
});
