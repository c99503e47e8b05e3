import { describe, expect, it } from 'vitest';
import type { Saga, SagaFailure } from '../../schema/saga.ts';
import { tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertMigration, insertStack } from './support/records.ts';
import { logIn, request } from './support/ui.ts';

async function pageOf(status: 'failed' | 'needs_attention' | 'reverting', saga: Partial<Saga>) {
  const token = await tokenWith(['admin']);
  const old = (await createNode(token, 'host', 'old-server')).id;
  const fresh = (await createNode(token, 'host', 'new-server')).id;
  const stack = { stack_id: await insertStack('shop', old), stack_name: 'shop' };
  const id = await insertMigration({ ...stack, source_host_id: old, target_host_id: fresh, status, saga });
  const cookie = await logIn(token);
  const html = await (await request(`/ui/migrations/${id}`, { headers: { cookie, accept: 'text/html' } })).text();
  return { id, old, html: html.replaceAll(/\s+/g, ' ') };
}

const crashed: SagaFailure = {
  step: 'verifying',
  code: 'unhealthy',
  message: 'Service "web" has ended (exited, exit code 1).',
  log_tail: ['info started the stack'],
  container_log: { service: 'web', lines: ['<b>FATAL</b>: no such table: orders'] },
};

describe('a migration that failed', () => {
  it('shows what the failing container wrote, then the log of the agent, folded', async () => {
    const { html } = await pageOf('failed', { failure: crashed });
    expect(html).toContain('The last lines of web:');
    expect(html).toContain('<pre>&lt;b&gt;FATAL&lt;/b&gt;: no such table: orders</pre>');
    const folded = html.slice(html.indexOf('<summary>Last lines of the agent'));
    expect(html.indexOf('no such table')).toBeLessThan(html.indexOf('<summary>Last lines of the agent'));
    expect(folded).toContain('info started the stack');
  });

  it('says where the stack is now, and has its next act inside the alert', async () => {
    const { html, old } = await pageOf('failed', { failure: crashed });
    expect(html).toContain('shop is now on <strong>old-server</strong>:');
    expect(html).toContain(`href="/ui/stacks/shop?from=${old}"`);
    const alert = html.slice(html.indexOf('<div class="alert bad"'), html.indexOf('<div class="columns"'));
    expect(alert).toContain('>Try again</a>');
    expect(html.split('>Try again</a>')).toHaveLength(2);
  });

  it('does not say where it is while it is still being put back', async () => {
    const { html } = await pageOf('reverting', { failure: crashed });
    expect(html).not.toContain('shop is now on');
    expect(html).toContain('Undoing: shop goes back to how it was on old-server.');
  });

  it('tells its state in the title of the window', async () => {
    const { html } = await pageOf('failed', { failure: crashed });
    expect(html).toContain('<title>failed · shop: old-server → new-server · Stackferry</title>');
  });
});

describe('a migration that needs a person', () => {
  it('is one alert, with its actions inside', async () => {
    const { html } = await pageOf('needs_attention', {
      failure: crashed,
      attention: {
        why: 'The stack could not be put back.',
        source: 'stopped',
        target: 'stopped',
        todo: 'Look at old-server.',
        resolutions: [],
      },
    });
    const alerts = html.split('<div class="alert bad"');
    expect(alerts).toHaveLength(2);
    const alert = alerts[1]!.slice(0, alerts[1]!.indexOf('<div class="columns"'));
    expect(alert).toContain('The stack could not be put back.');
    expect(alert).toContain('no such table');
    expect(alert).toContain('Retry now');
  });
});
