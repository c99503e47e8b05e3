import { createReadStream } from 'node:fs';
import { expect } from 'vitest';
import { imageArchive, type Machine, on } from './machines.ts';

/** The stack that docs/install.md makes on host-a: PostgreSQL, in which the tests keep three rows. */

/** Its image, under the name that the page has for it. */
export const giveImage = () =>
  on('host-a', 'docker load && docker tag sf-postgres:1 postgres:17 && docker rmi sf-postgres:1', {
    input: createReadStream(imageArchive('services')),
  });

export const insertRows = () =>
  psql('host-a', 'CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 3)');
export const rows = async (machine: Machine) => (await psql(machine, 'SELECT count(*) FROM orders')).trim();
export const running = (machine: Machine) => on(machine, 'docker ps --quiet --filter name=shop-db');

/** After a block of that page which moves it, or brings it back: it runs there, with its rows, and nowhere else. */
export async function expectMoved(script: string): Promise<void> {
  const home: Machine = /rollback|--to host-a/.test(script) ? 'host-a' : 'host-b';
  expect(await rows(home)).toBe('3');
  expect(await running(home === 'host-a' ? 'host-b' : 'host-a')).toBe('');
}

const psql = (machine: Machine, sql: string) =>
  on(machine, `docker exec shop-db-1 psql --username postgres --tuples-only --no-align --command "${sql}"`);
