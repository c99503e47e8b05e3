import { describe, expect, it } from 'vitest';
import { isInside, unsetIn } from '../../agent/compose/project.ts';
import { withoutValues } from '../../agent/compose/run.ts';

it('R36: variables that nothing sets are named, from what Compose warns of', () => {
  const warned =
    'time="2026-11-28T16:13:27Z" level=warning msg="The \\"DB_PASSWORD\\" variable is not set. Defaulting to a blank string."\n';
  expect(unsetIn(warned + warned)).toEqual(['DB_PASSWORD']);
  expect(unsetIn('WARN[0000] The "TAG" variable is not set. Defaulting to a blank string.')).toEqual(['TAG']);
});

describe('what lies below a directory', () => {
  it.each([
    ['/srv/shop', '/srv/shop/conf/a', true],
    ['/srv/shop', './conf', true],
    ['/srv/shop', '/srv/shop', true],
    ['/srv/shop', '/srv/shop-two/a', false],
    ['/srv/shop', '../secrets', false],
    ['/srv/shop', '/srv/shop/..data', true],
  ])('%s holds %s: %s', (directory, path, inside) => {
    expect(isInside(directory, path)).toBe(inside);
  });
});

it('B39 what Compose quotes of the environment is cut out of its complaints', () => {
  expect(
    withoutValues('failed to read .env: unexpected character in variable name near "PASSWORD=hunter2 x"'),
  ).not.toContain('hunter2');
});
