import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { fileReferences } from '../../agent/compose/file-references.ts';
import { emptyModel } from '../../agent/compose/model.ts';
import { filesBeyond } from '../../agent/engine/docker/policy/project-files.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

let dir: string;
beforeEach(async () => {
  dir = join(await temporaryDirectory(), 'shop');
});

/** A docker client that fills in `$ROOT`, as Compose would with the project’s files. */
const client = '#!/bin/sh\nfor a; do case $p in -f) sed "s#[$]ROOT#/srv#g" "$a" ;; esac; p=$a; done\n';

async function references(files: Record<string, string>, services: string[] = ['web']) {
  for (const [path, text] of Object.entries({ ...files, '../docker': client })) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  await chmod(join(dir, '../docker'), 0o755);
  const compose = { binary: join(dir, '../docker'), socketPath: '/run/docker.sock' };
  return fileReferences(compose, project(), services, AbortSignal.timeout(10_000));
}

const project = () => ({
  project: 'shop',
  directory: dir,
  configFiles: [join(dir, 'compose.yaml')],
  envFiles: [],
  environment: { HOME: '/home/deploy' },
});

describe('files that a Compose file names', () => {
  it('B36 finds includes and extended files, local and remote', async () => {
    const text = `
include:
  - common.yaml
  - path: ../elsewhere/compose.yaml
  - https://github.com/acme/stack.git
services:
  web:
    extends: { file: base.yaml, service: web }
    image: nginx
`;
    const base = 'services: { web: { env_file: base.env }, unused: { env_file: /etc/unused.env } }';
    const found = await references({ 'compose.yaml': text, 'common.yaml': 'services: {}', 'base.yaml': base });
    expect(found).toEqual({
      models: ['common.yaml', '../elsewhere/compose.yaml', 'base.yaml'].map((path) => join(dir, path)),
      values: ['.env', '../elsewhere/.env', 'base.env'].map((path) => join(dir, path)),
      remote: ['https://github.com/acme/stack.git'],
    });
  });

  it.each([
    ['in quotes', '{"services": {"web": {"\\u0065nv_file": "/etc/x"}}}'],
    ['that need not exist', 'services: { web: { env_file: [{ path: /etc/x, required: false }] } }'],
    ['by an alias', 'x-any: &any { env_file: [/etc/x] }\nservices: { web: { <<: *any } }'],
    ['by another document', 'services: { web: { image: a } }\n---\nservices: { web: { env_file: /etc/x } }'],
    ['by a service of the same file', 'services: { web: { extends: base }, base: { env_file: /etc/x } }'],
    ['with a tag of Compose', 'services: { web: { env_file: !override [/etc/x] } }'],
    ['of labels', 'services: { web: { label_file: /etc/x } }'],
  ])('P5: an env_file %s is found', async (_, text) => {
    expect(await references({ 'compose.yaml': text })).toMatchObject({ values: ['/etc/x'] });
  });

  it('P5: of a file outside the project only the name is read', async () => {
    const text =
      'include: ["../other/compose.yaml"]\nservices: { web: { extends: { file: link.yaml, service: web } } }';
    await mkdir(join(dir, '../other'), { recursive: true });
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, '../other/compose.yaml'), 'services: { web: { env_file: secret.env } }');
    await symlink(join(dir, '../other/compose.yaml'), join(dir, 'link.yaml'));
    const { models, values } = await references({ 'compose.yaml': text });
    expect(models).toEqual([join(dir, '../other/compose.yaml'), join(dir, 'link.yaml')]);
    expect(values).toEqual([join(dir, '../other/.env')]);
  });

  it('R1: only names are read: variables and lists may stand wherever Compose takes them', async () => {
    const text = `
services:
  web:
    ports: ["\${WEB_PORT}:80"]
    privileged: \${PRIVILEGED:-false}
    deploy: { replicas: "\${REPLICAS:-1}" }
    volumes: ["\${VAR:-/x}:/y:ro", "vol:/d"]
    labels: ["a=b"]
    env_file: app.env
volumes: { vol: { labels: ["keep=yes"] } }
`;
    expect(await references({ 'compose.yaml': text })).toMatchObject({ values: [join(dir, 'app.env')] });
  });

  it('R11: a path is judged with its variables filled in', async () => {
    const text = 'services: { web: { env_file: ["$ROOT/web.env", "~/own.env"] } }';
    const found = await references({ 'compose.yaml': text });
    expect(found.values).toEqual(['/srv/web.env', '/home/deploy/own.env']);
    const secrets = { s: { file: '/srv/s.txt', keys: ['file'] } };
    expect(await filesBeyond(project(), found, { ...emptyModel, secrets })).toEqual([
      '/srv/web.env',
      '/home/deploy/own.env',
      '/srv/s.txt',
    ]);
  });

  it('R20, R38: a linked .env counts as what it leads to', async () => {
    await mkdir(dir, { recursive: true });
    await symlink('/srv/secrets/shop.env', join(dir, '.env'));
    const found = await references({ 'compose.yaml': 'services: { web: { image: a } }' });
    expect(await filesBeyond(project(), found, emptyModel)).toEqual([
      `${join(dir, '.env')} (which leads to /srv/secrets/shop.env)`,
    ]);
  });

  it('a service of a profile that is not used does not count', async () => {
    const text = 'services: { web: { image: a }, debug: { profiles: [debug], env_file: /etc/x } }';
    expect(await references({ 'compose.yaml': text })).toMatchObject({ values: [] });
    expect(await references({ 'compose.yaml': text }, ['debug'])).toMatchObject({ values: ['/etc/x'] });
  });

  it.each([
    ['no YAML', 'services: { web: { environment: { PASSWORD: hunter2 }'],
    ['two values of one key', 'services: { web: { environment: { A: hunter2 } } }\nservices: {}'],
    ['another shape', 'services: { web: { env_file: { PASSWORD: hunter2 } } }'],
    [
      'an alias bomb',
      `a: &a [x]\n${'bcdefgh'.replace(/./g, (c, i) => `${c}: &${c} [${`*${'abcdefg'[i]},`.repeat(9)}]\n`)}`,
    ],
  ])('B39 a file of %s is refused without quoting it', async (_, text) => {
    const error = await references({ 'compose.yaml': text }).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'compose_failed', message: expect.stringContaining('compose.yaml') });
    expect((error as Error).message).not.toContain('hunter2');
  });

  it('includes in a circle end', async () => {
    const found = await references({ 'compose.yaml': 'include: [b.yaml]', 'b.yaml': 'include: [compose.yaml]' });
    expect(found.models).toEqual([join(dir, 'b.yaml'), join(dir, 'compose.yaml')]);
  });
});
