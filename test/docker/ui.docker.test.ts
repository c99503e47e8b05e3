import { expect, it } from 'vitest';
import { hasChromium, launchChromium } from '../browser/support/chromium.ts';
import { forStackAlone, logIn } from '../browser/support/use-ui.ts';
import { psql, shop } from './stacks.ts';
import { inventory, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const stepMsMax = 120_000;

describeDocker('the web UI over two real Docker hosts', () => {
  const rig = useDockerRig();

  it.skipIf(!hasChromium)(
    'moves PostgreSQL and nginx from one host to the other, rolls that back, and moves them for good',
    async () => {
      const { control, up } = rig();
      await up('shop', shop);
      await psql('a', 'shop-db-1', 'create table t as select i from generate_series(1, 50000) i');
      const rows = 'select count(*), sum(i) from t';
      const before = await psql('a', 'shop-db-1', rows);

      const browser = await launchChromium();
      try {
        const page = await (await browser.newContext({ baseURL: control.url })).newPage();
        page.setDefaultTimeout(stepMsMax);
        const faults: string[] = [];
        page.on('pageerror', ({ message }) => faults.push(message));
        const state = (word: string) => page.locator('#state', { hasText: word }).waitFor();
        const migrate = async () => {
          await page.goto('/ui/stacks/shop');
          await page.getByRole('link', { name: 'Migrate', exact: true }).click();
          await forStackAlone(page);
          await page.getByRole('button', { name: 'Run pre-flight' }).click();
          await page.getByText('The pre-flight passed').waitFor();
          await page.getByText('shop_dbdata').first().waitFor();
          await page.getByRole('button', { name: 'Migrate to b' }).click();
          await page.waitForURL('**/ui/migrations/mig_*');
          await state('completed');
          await page.locator('#trouble:empty').waitFor({ state: 'attached' });
        };
        const confirm = async (label: string) => {
          await page.locator('summary', { hasText: label }).click();
          const form = page.locator('details[open] form');
          await form.getByRole('textbox').fill('shop');
          await form.getByRole('button', { name: label }).click();
        };

        await page.goto('/');
        await logIn(page, control.adminToken ?? '');
        await page.waitForURL('**/ui/stacks');
        await migrate();
        expect(await running('b')).toEqual(['shop-db-1', 'shop-web-1']);
        expect(await psql('b', 'shop-db-1', rows)).toBe(before);

        await confirm('Roll back');
        await state('rolled back');
        expect(await running('a')).toEqual(['shop-db-1', 'shop-web-1']);
        expect(await running('b')).toEqual([]);
        await confirm('Delete target');
        await page.getByText('What was left on the target is deleted.').waitFor();
        expect(await inventory('b')).toEqual([]);

        await migrate();
        await confirm('Delete source');
        await page.getByText('What the source kept is deleted.').waitFor();
        expect(await inventory('a')).toEqual([]);
        expect(await psql('b', 'shop-db-1', rows)).toBe(before);
        expect(faults).toEqual([]);
      } finally {
        await browser.close();
      }
    },
    300_000,
  );
});
