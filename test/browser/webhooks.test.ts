import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeUi, useUi } from './support/use-ui.ts';

describeUi('webhooks in the browser', () => {
  const the = useUi(async () => {}, { vars: { DEVELOPMENT: 'true' } });
  let receiver: Server;
  let url: string;
  /** What it answers. */
  let answers = 500;
  const received: { headers: IncomingMessage['headers']; body: string }[] = [];
  beforeAll(async () => {
    receiver = createServer(async (request, response) => {
      received.push({ headers: request.headers, body: await text(request) });
      response.writeHead(answers).end('the <b>answer</b>');
    });
    await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
    url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  });
  afterAll(() => void receiver?.close());

  test('an endpoint is registered, its secret shown once; a delivery that failed is seen and sent again', async () => {
    const page = await the().enter();
    await page.getByRole('link', { name: 'Webhooks' }).click();
    await page.getByText('No endpoints yet').waitFor();
    await page.getByLabel('Address').fill(url);
    await page.getByLabel('migration.completed').check();
    await page.getByRole('button', { name: 'Register' }).click();
    const secret = (await page.locator('.secret pre').textContent())?.trim() ?? '';
    expect(secret).toMatch(/^whsec_/);
    // The answer to a form, asked for again: nothing is registered twice.
    await page.reload();
    const { items } = await the().fleet.api.get<{ items: { id: string }[] }>('/webhooks');
    expect(items).toHaveLength(1);

    await page.goto(`/ui/webhooks/${items[0]!.id}`);
    expect(await page.locator('.secret').count()).toBe(0);
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('A test event is on its way').waitFor();
    await page.getByText('500 in').waitFor();
    // An answer is a stranger's text.
    await page.getByText('the <b>answer</b>').waitFor();
    answers = 204;
    await page.getByRole('button', { name: 'Replay', exact: true }).click();
    await page.locator('#deliveries .state', { hasText: 'delivered' }).waitFor();
    const [first, last] = [received[0]!, received.at(-1)!];
    expect(last.headers['webhook-id']).toBe(first.headers['webhook-id']);
    new Webhook(secret).verify(last.body, last.headers as Record<string, string>);
  });

  test('the secret is rotated, the endpoint disabled and deleted', async () => {
    const page = await the().enter();
    await page.goto('/ui/webhooks');
    await page.getByRole('link', { name: url }).click();
    await page.locator('summary', { hasText: 'Rotate the secret' }).click();
    await page.locator('details[open]').getByRole('textbox').fill('rotate');
    await page.locator('details[open]').getByRole('button', { name: 'Rotate the secret' }).click();
    await page.locator('.secret pre', { hasText: 'whsec_' }).waitFor();
    await page.locator('#endpoint', { hasText: 'the previous one also signs for' }).waitFor();
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByText('The endpoint is changed.').waitFor();
    expect(await page.getByRole('button', { name: 'Send a test' }).isDisabled()).toBe(true);
    await page.locator('summary', { hasText: 'Delete endpoint' }).click();
    await page.locator('details[open]').getByRole('textbox').fill('delete');
    await page.locator('details[open]').getByRole('button', { name: 'Delete endpoint' }).click();
    await page.getByText('No endpoints yet').waitFor();
  });

  test('a webhook for people is registered without a secret; its URL and token are not shown', async () => {
    const page = await the().enter();
    await page.goto('/ui/webhooks');
    await page.getByText('Which address, and which token?').click();
    await page.getByText('the topic: https://ntfy.sh/your-topic').waitFor();
    await page.getByLabel('Kind').selectOption('ntfy');
    await page.getByLabel('Address').fill(new URL('/topic-of-ours', url).href);
    await page.getByLabel('Token', { exact: true }).fill('tk_hidden');
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByText('The endpoint is registered.').waitFor();
    await page.locator('#endpoint', { hasText: '/***' }).waitFor();
    expect(await page.content()).not.toMatch(/topic-of-ours|tk_hidden|whsec_|Rotate/);
    await page.getByRole('button', { name: 'Send a test' }).click();
    await expect.poll(() => received.at(-1)?.headers.authorization).toBe('Bearer tk_hidden');
    expect(JSON.parse(received.at(-1)!.body)).toMatchObject({ topic: 'topic-of-ours', priority: 2 });
    await page.goto('/ui/webhooks');
    await page.getByLabel('Kind').selectOption('gotify');
    await page.getByLabel('Address').fill(url);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByRole('alert').getByText('the token of an application').waitFor();
  });

  test('an address that is no good is refused with the reason', async () => {
    const page = await the().enter();
    await page.goto('/ui/webhooks');
    await page.getByLabel('Address').fill('ftp://files.example/');
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByRole('alert').getByText('url_refused').waitFor();
  });
});
