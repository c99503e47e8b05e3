import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { powerMeanings } from '../../schema/power-meanings.ts';
import { app } from '../../worker/app.ts';
import { bindings } from './support/api.ts';
import { drainFleet, gib } from './support/drain-fleet.ts';

const line = 'stackferry agent allow web --from host_a docker_socket';
const origin = 'http://stackferry.test';

/** Host `b` refuses the stack a power, and says how its owner allows it. */
const fleet = () =>
  drainFleet({
    stacks: { web: gib },
    finds: () => ({
      powers_refused: [{ service: 'web', power: 'docker_socket', detail: '/run/docker.sock' }],
      allow_line: line,
    }),
  });

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const context = createExecutionContext();
  const answer = await app.request(`${origin}${path}`, init, bindings, context);
  await waitOnExecutionContext(context);
  return answer;
}

async function page(path: string, token: string): Promise<string> {
  const body = new URLSearchParams({ token }).toString();
  const headers = { origin, 'content-type': 'application/x-www-form-urlencoded' };
  const cookie = (await request('/ui/login', { method: 'POST', headers, body })).headers.get('set-cookie') ?? '';
  return (await request(path, { headers: { cookie: cookie.split(';')[0]!, accept: 'text/html' } })).text();
}

describe('R16 a stack that a target refuses a power', () => {
  it('stays in a drain, and its plan says who allows it, by which command', async () => {
    const there = await fleet();
    const [planned] = (await there.drain({ dry_run: true })).body.stacks;
    expect(planned.obstacle.message).toContain(`To let this one from a, run as root on b: \`${line}\``);
    expect(await page(`/ui/hosts/${there.idOf('a')}/drain`, there.token)).toContain(`<code>${line}</code>`);
    const ended = await there.ended((await there.drain()).body.id);
    expect(ended.stacks[0].obstacle.message).toContain(line);
  }, 90_000);

  it('is reviewed with what the power means, beside the command', async () => {
    const there = await fleet();
    const wanted = new URLSearchParams({ target: there.idOf('b'), from: there.idOf('a') });
    const html = await page(`/ui/stacks/web/migrate/review?${wanted}`, there.token);
    expect(html).toContain(`<code>${line}</code>`);
    expect(html).toContain(`<code>docker_socket</code>: ${powerMeanings.docker_socket}`);
  }, 90_000);
});
