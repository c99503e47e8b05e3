import { expect, it } from 'vitest';
import { unknownKeys } from '../../agent/compose/service-keys.ts';
import { publishedKeys } from './published-keys.ts';

it('each attribute of the published Compose schema is judged, or refused by intent', () => {
  // A model runs beside the engine, and answers anyone.
  expect(unknownKeys({ keys: publishedKeys }, [])).toEqual(['models']);
});

it('what no policy knows is refused until the host’s owner lets it in; extensions are for people', () => {
  const keys = ['image', 'x-note', 'root_of_host', 'pre_start'];
  expect(unknownKeys({ keys }, [])).toEqual(['root_of_host', 'pre_start']);
  expect(unknownKeys({ keys }, ['pre_start'])).toEqual(['root_of_host']);
});
