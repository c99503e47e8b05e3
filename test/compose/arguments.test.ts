import { expect, it } from 'vitest';
import {
  configArguments,
  createArguments,
  hashArguments,
  startArguments,
  startWithoutDependenciesArguments,
} from '../../agent/compose/arguments.ts';

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

const what = { services: ['db', 'worker'], scale: { worker: 3 } };
const exactly = '--no-deps --no-build --pull never --no-recreate --scale worker=3 db worker';

it('P19, R8, R13: creating makes as many containers as ran, of the services that ran, and never builds, pulls or recreates', () => {
  expect(createArguments(socket, project, what).join(' ')).toBe(`${common} up --no-start ${exactly}`);
});

it('creating replaces containers only if they stand in for those that the files describe', () => {
  const replacing = createArguments(socket, project, { ...what, replaces: true }).join(' ');
  expect(replacing).toBe(`${common} up --no-start ${exactly.replace(' --no-recreate', '')}`);
});

it('P19: what runs is compared by the hashes of all services, whatever their profile', () => {
  expect(hashArguments(socket, project).join(' ')).toBe(`${common} --profile * config --hash *`);
});

it('starting names the services, which also activates their profiles', () => {
  expect(startArguments(socket, project, ['db']).join(' ')).toBe(`${common} start db`);
});

it('R13: a stack that runs without a service that it depends on is started without it', () => {
  expect(startWithoutDependenciesArguments(socket, project, what).join(' ')).toBe(`${common} up --detach ${exactly}`);
});
