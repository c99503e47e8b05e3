import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type FlowRig, startFlowRig } from './flow-rig.ts';

const page = resolve(import.meta.dirname, '../../docs/api.md');
const run = promisify(execFile);
let rig: FlowRig;

beforeAll(async () => {
  rig = await startFlowRig();
}, 120_000);
afterAll(() => rig?.close(), 60_000);

/** The shell examples in their order, each with the heading it stands under. */
const examplesOf = (text: string) =>
  [...text.matchAll(/^## (.+)$|^```sh\n([\s\S]*?)^```$/gm)].reduce<{ heading: string; script: string }[]>(
    (found, [, heading, script]) => {
      if (heading) found.push({ heading, script: '' });
      else found.at(-1)!.script += script;
      return found;
    },
    [],
  );

test('the examples of docs/api.md do what the page says', async () => {
  const { url: URL, adminToken: TOKEN = '' } = rig.fleet.control;
  const sections = examplesOf(await readFile(page, 'utf8')).filter(({ script }) => script !== '');
  const script = sections.map(({ heading, script: lines }) => `echo '## ${heading}'\n${lines}\necho`).join('\n');
  const env = { ...process.env, URL, TOKEN: TOKEN ?? '', STACK: 'app', TARGET: rig.hosts.target.id };
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { env, cwd: rig.fleet.dir });
  const said = Object.fromEntries(
    stdout
      .split(/^## /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
  );
  expect(Object.keys(said)).toEqual(sections.map(({ heading }) => heading));
  expect(said.Tokens).toMatch(/"name":"source"[\s\S]*"token":"sfy_/);
  // The page shows what is answered.
  const shown = /^# (\{"type":"urn:stackferry:error:not_found".*)$/m.exec(await readFile(page, 'utf8'))?.[1];
  expect(said.Errors?.trim()).toBe(shown);
  const locations = [...said['Doing things once']!.matchAll(/^location: (\S+)/gim)].map(([, place]) => place);
  expect(locations).toHaveLength(2);
  expect(new Set(locations).size).toBe(1);
  expect(said['Doing things once']!.match(/^idempotency-replayed: true/gim)).toHaveLength(1);
  expect(said['Pages and filters']).toContain(locations[0]!.split('/').at(-1)!);
  expect(said.Limits).toMatch(/^ratelimit: "token";r=\d+;t=\d+/im);
  expect(said.Limits).toMatch(/^ratelimit-policy: "token";q=3000;w=60/im);
  const followed = said['Following a migration']!;
  expect(followed).toMatch(/^event: progress$/m);
  expect(followed).toContain('"to":"completed"');
  expect(followed.trim().split('\n').at(-1)).toBe('204');
  expect(await readFile(join(rig.fleet.dir, 'events.txt'), 'utf8')).toContain('"to":"completed"');
  expect(said['Following the fleet']).toMatch(/^\{"items":\[\{"id":\d+,.*"to":"completed"/m);

  // Back, by the step for a pipeline, once what is kept there is deleted.
  const id = locations[0]!.split('/').at(-1)!;
  await rig.fleet.api.delete(`/stacks/app/migrate/${id}/source`);
  const [, yaml = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(await readFile(page, 'utf8')) ?? [];
  const [step] = parse(yaml) as { run: string }[];
  const pipeline = (attempt = '1') =>
    run('bash', ['-eo', 'pipefail', '-c', step!.run], {
      env: { ...env, TARGET: rig.hosts.source.id, GITHUB_RUN_ID: '1', GITHUB_RUN_ATTEMPT: attempt },
      cwd: rig.fleet.dir,
    });
  const [, back] = /\/ui\/migrations\/(mig_\w+)/.exec((await pipeline()).stdout) ?? [];
  expect(await rig.show(back!)).toMatchObject({ status: 'completed', target_host_id: rig.hosts.source.id });
  expect((await pipeline()).stdout).toContain(back);
  // A new attempt is a new request, which is not answered as the first one was.
  await expect(pipeline('2')).rejects.toMatchObject({ stderr: expect.stringContaining('422') });
  expect((await rig.fleet.api.get<{ items: object[] }>('/migrations?stack=app')).items).toHaveLength(2);
}, 240_000);
