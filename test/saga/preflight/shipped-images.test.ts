import { expect, it } from 'vitest';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import { shippedImages } from '../../../worker/saga/preflight/arriving-images.ts';
import { stackFacts, targetFacts } from './well-facts.ts';

type Located = TargetFacts['images'][number];

/** What is sent of a stack with one image, which the target answers for so. */
const sent = (reference: string, found: Partial<Located>) => {
  const [service] = stackFacts.services;
  const image = { ...service!.image, reference, image_id: 'sha256:1', layers: ['sha256:2'] };
  const stack = { ...stackFacts, services: [{ ...service!, image }] };
  const images: Located[] = [{ reference, state: 'not_found', detail: '', layers_present: 0, ...found }];
  return shippedImages(stack, { ...targetFacts, images }).map((shipped) => shipped.reference);
};

it('P21 an image that the target lacks and no registry gives is sent from the source', () => {
  expect(sent('app:1', {})).toEqual(['app:1']);
  expect(sent('app:1', { state: 'unreachable' })).toEqual(['app:1']);
  expect(sent('app:1', { state: 'pullable' })).toEqual([]);
});

it('R28 an image is not sent where its tag means another on the target', () => {
  expect(sent('app:1', { state: 'differs' })).toEqual([]);
});

it('R17 an image that is named by its digest is sent where the target can keep it', () => {
  expect(sent('app@sha256:1', { state: 'unreachable', loadable: true })).toEqual(['app@sha256:1']);
  expect(sent('app@sha256:1', { state: 'unreachable', loadable: false })).toEqual([]);
  expect(sent('app@sha256:1', { state: 'unreachable' }), 'an agent that does not say').toEqual([]);
});

it('P4 an image is sent once, however often the target names it, and none that the stack has not', () => {
  const [service] = stackFacts.services;
  const image = { ...service!.image, reference: 'app:1', image_id: 'sha256:1', layers: ['sha256:2'] };
  const named = (reference: string): Located => ({ reference, state: 'not_found', detail: '', layers_present: 0 });
  const images = [...Array(10_000).fill(named('app:1')), named('other:1')];
  const shipped = shippedImages({ ...stackFacts, services: [{ ...service!, image }] }, { ...targetFacts, images });
  expect(shipped.map(({ reference }) => reference)).toEqual(['app:1']);
});
