import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { auditQuery } from '../schema/api/access.ts';
import { drainsQuery } from '../schema/api/drains.ts';
import { migrationSorts, migrationsQuery } from '../schema/api/migrations.ts';
import { nodeSorts, nodesQuery } from '../schema/api/nodes.ts';
import { stackSorts, stacksQuery } from '../schema/api/stacks.ts';

const lists = [
  ['`/hosts`, `/relays`', nodesQuery, nodeSorts],
  ['`/stacks`', stacksQuery, stackSorts],
  ['`/migrations`', migrationsQuery, migrationSorts],
  ['`/drains`', drainsQuery, []],
  ['`/audit`', auditQuery, []],
] as const;
/** Those that the page explains beside the table. */
const elsewhere = ['cursor', 'limit', 'sort', 'order', 'expand'];
const words = (cell = '') => [...cell.matchAll(/`(\w+)`/g)].map(([, word]) => word);

test.each(lists)('docs/api.md names each filter and sort of %s', async (name, { shape }, sorts) => {
  const text = await readFile(resolve(import.meta.dirname, '../docs/api.md'), 'utf8');
  const [, filters, sort] =
    text
      .split('\n')
      .find((line) => line.startsWith(`| ${name} |`))
      ?.split(' | ') ?? [];
  const expected = Object.keys(shape).filter((filter) => !elsewhere.includes(filter));
  expect(words(filters).toSorted()).toEqual(expected.toSorted());
  expect(words(sort)).toEqual([...sorts]);
});
