import { expect, it } from 'vitest';
import { CommittedVersions } from '../../worker/saga/migration/committed-versions.ts';
import type { DurableMemory } from '../../worker/saga/migration/ports.ts';
import { newStory, storyAt } from './story.ts';

function versions() {
  const stored = new Map<string, unknown>();
  const memory = {
    get: async (key: string) => stored.get(key),
    put: async (key: string, value: unknown) => void stored.set(key, value),
  } as DurableMemory;
  return new CommittedVersions(memory);
}

const moved = (id: string) => ({ ...storyAt('completed').saga, id });

it('C8: the newest migration that moved something is looked at after a restore, whatever was said of others since', async () => {
  const committed = versions();
  await committed.record(moved('mig_1'), 9);
  await committed.record(moved('mig_2'), 12);
  await committed.record(moved('mig_1'), 10);
  expect(await committed.latest()).toBe('mig_2');
  await committed.record({ ...newStory().saga, id: 'mig_3' }, 2);
  expect(await committed.latest(), 'mig_3 was refused by its pre-flight').toBe('mig_2');
  expect(await committed.isBehind({ id: 'mig_1', version: 9, saga: moved('mig_1') })).toBe(true);
});
