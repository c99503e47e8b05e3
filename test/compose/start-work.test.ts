import { expect, it } from 'vitest';
import { composeModel } from '../../agent/compose/model.ts';
import { startsPlainly } from '../../agent/compose/start-work.ts';

const plainly = (more: object, service: object = {}) =>
  startsPlainly(composeModel.parse({ name: 'x', services: { web: { image: 'app', ...service } }, ...more }));

it('R2: the engine starts a stack itself where all was done at creation', () => {
  expect(plainly({})).toBe(true);
  expect(plainly({ secrets: { s: { name: 'x_s', file: '/srv/x/s' } } }, { secrets: [{ source: 's' }] })).toBe(true);
  expect(plainly({}, { depends_on: { db: { condition: 'service_started', required: true } }, 'x-note': 1 })).toBe(true);
});

it.each([
  ['a config’s content is copied in', { configs: { c: { name: 'x_c', content: 'listen 80;' } } }],
  ['a secret is a variable', { secrets: { s: { name: 'x_s', environment: 'KEY' } } }],
  ['a secret has an attribute that is not known yet', { secrets: { s: { file: '/srv/x/s', vault: 'kv/x' } } }],
])('R2: Compose starts a stack where %s', (_, more) => {
  expect(plainly(more)).toBe(false);
});

it.each([
  ['waits for another to be healthy', { depends_on: { db: { condition: 'service_healthy' } } }],
  ['has a hook after the start', { post_start: [{ command: ['true'] }] }],
  ['has a hook before the start', { pre_start: [{ command: ['true'] }] }],
  ['is run by a provider', { provider: { type: 'cloud' } }],
  ['is given the engine’s socket and its logins', { use_api_socket: true }],
  ['uses a model', { models: { llm: null } }],
  ['has an attribute that is not known yet', { warm_up: 'yes' }],
])('R2: Compose starts a stack where a service %s', (_, service) => {
  expect(plainly({}, service)).toBe(false);
});
