import { expect, it } from 'vitest';
import { startedIn } from '../../../../agent/engine/docker/data/started-since.ts';

const start = (ID: string, name: string, labels = {}) => ({
  ...{ Type: 'container', Action: 'start', Actor: { ID, Attributes: { name, ...labels } } },
});
const mount = (ID: string, container: string, writes: boolean) => ({
  ...{ Type: 'volume', Action: 'mount', Actor: { ID, Attributes: { container, 'read/write': String(writes) } } },
});

it('P2: a container that came and went during the copy is known by what it mounted', () => {
  const events = [
    ...[mount('shop_db', '1', true), start('1', 'backup')],
    ...[mount('shop_db', '2', false), start('2', 'reader')],
    ...[mount('other', '3', true), start('3', 'stranger')],
    start('4', 'shop-app-run-1', { 'com.docker.compose.project': 'shop' }),
    mount('shop_db', '5555555555555555', true),
  ];
  const text = events.map((one) => `${JSON.stringify(one)}\n`).join('');
  expect(startedIn(text, { project: 'shop', volumes: ['shop_db'] }).sort()).toEqual(
    ['backup', 'shop-app-run-1', '555555555555'].sort(),
  );
  expect(startedIn('', { project: 'shop', volumes: [] })).toEqual([]);
});
