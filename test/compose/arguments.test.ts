import { expect, it } from 'vitest';
import { configArguments, createArguments, dryRunArguments, startArguments } from '../../agent/compose/arguments.ts';

const project = {
  project: 'shop',
  directory: '/srv/shop',
  configFiles: ['/srv/shop/compose.yaml', '/srv/shop/extra.yaml'],
  envFiles: ['/srv/shop/prod.env'],
  environment: {},
};
const common =
  '-H unix:///run/docker.sock compose --ansi never --progress plain -p shop --project-directory /srv/shop ' +
  '-f /srv/shop/compose.yaml -f /srv/shop/extra.yaml --env-file /srv/shop/prod.env';
const socket = '/run/docker.sock';

it('compose is called with the project’s own files, directory and name', () => {
  expect(configArguments(socket, project).join(' ')).toBe(`${common} --profile * config --format json`);
});

it('creating never builds, pulls or recreates', () => {
  expect(createArguments(socket, project, ['db', 'web']).join(' ')).toBe(
    `${common} create --no-build --pull never --no-recreate db web`,
  );
});

it('a dry run would do what up does, and does nothing', () => {
  expect(dryRunArguments(socket, project, ['db']).join(' ')).toBe(
    `${common} --dry-run create --no-build --pull never db`,
  );
});

it('starting names the services, which also activates their profiles', () => {
  expect(startArguments(socket, project, ['db']).join(' ')).toBe(`${common} start db`);
});
