import { expect, it } from 'vitest';
import { composeModel } from '../../../../agent/compose/model.ts';
import { privilegesOf } from '../../../../agent/engine/docker/policy/privileges.ts';

const bind = (source: string, more: object = {}) => ({ type: 'bind', source, target: '/t', ...more });
const writer = { volumes: [bind('/p/data')] };

/** What service `reader` is said to reach. */
const reached = (services: object, more: object = {}) =>
  privilegesOf(composeModel.parse({ name: 'x', services, ...more }), { directory: '/p', own: [] })
    .get('reader')
    ?.map(({ power, detail }) => `${power}: ${detail}`);

it.each([
  ['another service writes above it', { writer, reader: { volumes: [bind('/p/data/sub', { read_only: true })] } }],
  ['its own service writes above it', { reader: { volumes: [bind('/p/data'), bind('/p/data/sub')] } }],
])('P4 a bind source is refused where %s: a link could be put in its place', (_, services) => {
  const by = 'writer' in services ? 'writer' : 'reader';
  expect(reached(services)).toEqual([`host_path: /p/data/sub, below /p/data, which service ${by} can write`]);
});

it('P4 so is the file of a secret or config that a service can replace', () => {
  const reader = { secrets: [{ source: 's' }], configs: [{ source: 'c' }] };
  const files = { secrets: { s: { file: '/p/data/s' } }, configs: { c: { file: '/p/c' } } };
  expect(reached({ writer, reader }, files)).toEqual([
    'host_path: /p/data/s, below /p/data, which service writer can write',
  ]);
});

it.each([
  ['both mount the same directory', { writer, reader: { volumes: [bind('/p/data')] } }],
  ['the directory above is read only', { writer: { volumes: [bind('/p', { read_only: true })] }, reader: writer }],
  ['the names only begin alike', { writer, reader: { volumes: [bind('/p/data2')] } }],
])('a bind source is let in where %s', (_, services) => {
  expect(reached(services)).toEqual([]);
});

it('P4 volumes of a container that need not be of this stack are a power of their own', () => {
  expect(reached({ reader: { volumes_from: ['container:bank-db-1:ro'] } })).toEqual([
    'host_path: volumes_from: container:bank-db-1:ro',
  ]);
  expect(reached({ writer, reader: { volumes_from: ['writer'] } })).toEqual([]);
});
