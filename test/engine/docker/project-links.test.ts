import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { composeModel } from '../../../agent/compose/model.ts';
import { composeLabels, labelledFiles } from '../../../agent/engine/docker/labels.ts';
import { absoluteLinks, filesBeyond } from '../../../agent/engine/docker/policy/project-files.ts';
import { temporaryDirectory } from '../../agent/temporary.ts';

/** What of a project's files would not arrive, after they were made. */
async function beyond(make: (at: (...path: string[]) => string) => Promise<unknown>, env_file: string[] = []) {
  const root = await temporaryDirectory();
  const at = (...path: string[]) => join(root, ...path);
  await mkdir(at('shop/conf'), { recursive: true });
  for (const path of ['shop/compose.yaml', 'shared.env', 'shop/conf/real.env']) await writeFile(at(path), '');
  await make(at);
  const model = composeModel.parse({ name: 'shop', services: {} });
  const project = {
    project: 'shop',
    directory: at('shop'),
    configFiles: [at('shop/compose.yaml')],
    envFiles: [],
    environment: {},
  };
  const references = { models: [], values: env_file.map((path) => at('shop', path)) };
  const found = {
    outside: await filesBeyond(project, references, model),
    absolute_links: await absoluteLinks(project, references, model, [at('shop/conf')]),
  };
  return JSON.parse(JSON.stringify(found).replaceAll(root, ''));
}

describe('files of a project by their real paths', () => {
  it('R20: a .env that is a link to a file beyond the project is named, and one to a file within it is not', async () => {
    expect(await beyond((at) => symlink('../shared.env', at('shop/.env')))).toEqual({
      outside: ['/shop/.env (which leads to /shared.env)'],
      absolute_links: [],
    });
    expect(await beyond((at) => symlink('conf/real.env', at('shop/.env')))).toEqual({
      outside: [],
      absolute_links: [],
    });
  });

  it('R23, R38: so is a Compose file that is a link', async () => {
    const linked = (target: string) => async (at: (path: string) => string) => {
      await rm(at('shop/compose.yaml'));
      await symlink(target, at('shop/compose.yaml'));
    };
    expect(await beyond(linked('../shared.env'))).toEqual({
      outside: ['/shop/compose.yaml (which leads to /shared.env)'],
      absolute_links: [],
    });
    expect(await beyond(linked('conf/real.env'))).toEqual({ outside: [], absolute_links: [] });
  });

  it('R38: so is an env_file by way of a linked directory; a link by absolute path is distinguished', async () => {
    expect(
      await beyond(
        async (at) => {
          await symlink('..', at('shop/up'));
          await symlink(at('shop/conf'), at('shop/moved'));
        },
        ['up/shared.env', 'moved/real.env', './conf/real.env'],
      ),
    ).toEqual({ outside: ['/shop/up/shared.env (which leads to /shared.env)'], absolute_links: ['/shop/moved'] });
  });
});

describe('paths in the labels of Compose', () => {
  it('R35: commas in a path do not end it', () => {
    const files = { [composeLabels.configFiles]: '/srv/a,b/compose.yaml,/srv/a,b/more.yaml' };
    expect(labelledFiles(files).configFiles).toEqual(['/srv/a,b/compose.yaml', '/srv/a,b/more.yaml']);
  });
});
