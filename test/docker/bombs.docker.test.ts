import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { failedChecks } from '../support/fleet-rig.ts';
import { plain } from './stacks.ts';
import { running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Each level names the one before nine times: read to its end it is a billion words. */
const aliases = (levels: number) =>
  Array.from({ length: levels }, (_, level) => {
    const items = Array(9).fill(level === 0 ? '"bomb"' : `*a${level - 1}`);
    return `x-a${level}: &a${level} [${items.join(', ')}]`;
  }).join('\n');

describeDocker('two real Docker hosts', () => {
  const rig = useDockerRig();

  it('B37 a compose file of aliases upon aliases is refused in time, and the agent goes on', async () => {
    const { hosts, up, refused, api } = rig();
    const project = await up('bomb', plain());
    const { pid } = hosts.a;
    await writeFile(join(project.dir, 'compose.yaml'), `${plain()['compose.yaml']}\n${aliases(10)}\n`);
    const report = await refused('bomb', hosts.b);
    expect(failedChecks(report).length).toBeGreaterThan(0);
    const said = report.checks.filter(({ status }) => status === 'fail').map(({ detail }) => detail);
    expect(said.join(' ')).toMatch(/alias|can.t be read|could not be read|too (large|long|much)/i);

    expect(await running('a')).toEqual(['bomb-app-1']);
    expect(hosts.a.pid).toBe(pid);
    expect((await api.get<{ status: string }>(`/hosts/${hosts.a.id}`)).status).toBe('online');
  }, 120_000);
});
