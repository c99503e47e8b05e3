import { describe, expect, it } from 'vitest';
import { driftIn, isInside } from '../../agent/compose/project.ts';
import { withoutValues } from '../../agent/compose/run.ts';

describe('whether the file on disk is what runs', () => {
  it('a container that is there, running or stopped, is no drift', () => {
    expect(
      driftIn(' DRY-RUN MODE -  Container shop-db-1  Running \n DRY-RUN MODE -  Container shop-job-1  Created \n'),
    ).toEqual({
      current: true,
      detail: '',
    });
  });

  it('one that would be recreated is named once', () => {
    const told = ' DRY-RUN MODE -  Container shop-db-1  Recreate \n DRY-RUN MODE -  Container shop-db-1  Recreated \n';
    expect(driftIn(told)).toEqual({ current: false, detail: '"up" would recreate shop-db-1.' });
  });
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
