import { describe, expect, it } from 'vitest';
import { Followers } from '../../worker/objects/stack-migration/followers.ts';
import type { CommitOutcome, MigrationRow, MigrationStore } from '../../worker/saga/migration/ports.ts';

const minute = 60_000;
const row = (version: number) => ({ id: 'mig_1', version }) as MigrationRow;

function followed(outcome: CommitOutcome = 'committed') {
  const followers = new Followers();
  const store = followers.watching({ commit: async () => outcome } as unknown as MigrationStore);
  const commit = (version: number) => store.commit(row(version), {} as never, 'command_done', 0, null);
  const isOver = (waiting: Promise<unknown>) => Promise.race([waiting.then(() => true), Promise.resolve(false)]);
  return { followers, commit, isOver };
}

describe('who follows a migration', () => {
  it('hears of a commit at once', async () => {
    const { followers, commit } = followed();
    const waiting = [followers.later('mig_1', 3, minute), followers.later('mig_1', 3, minute)];
    await commit(3);
    expect(await Promise.all(waiting)).toEqual([true, true]);
  });

  it('hears of a commit that came before it asked', async () => {
    const { followers, commit } = followed();
    await commit(3);
    expect(await followers.later('mig_1', 3, minute)).toBe(true);
  });

  it('looks again in time where nothing is committed', async () => {
    const { followers, commit } = followed('stale');
    await commit(3);
    expect(await followers.later('mig_1', 3, 10)).toBe(false);
  });

  it('reports a version that a restored database has lost only once', async () => {
    const { followers, commit, isOver } = followed();
    await commit(9);
    await followers.later('mig_1', 3, minute);
    const again = followers.later('mig_1', 3, 50);
    expect(await isOver(again)).toBe(false);
    await again;
  });
});
