import { until } from '../../cli/local/fleet.ts';
import { sleep } from '../../node/sleep.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Project } from '../docker/two-hosts.ts';
import { byHand, inTurns, peersOf } from './downtime.ts';
import { cases } from './downtime-cases.ts';
import { machine, type Result } from './result.ts';
import { noteSteps, openStage, type Stage } from './stage.ts';

/**
 * (d): PostgreSQL as in (c) of `downtime`, moved with `--hold` and cut over after it was held for so long, while pgbench
 * runs. Not in `all`, since each round takes minutes of holding.
 */
export async function hold(rounds = 3, heldMs = 300_000): Promise<Result> {
  const postgres = cases.find(({ name }) => name.startsWith('(c)'))!;
  const stage = await openStage();
  try {
    const held = (_dir: string, { name }: Project) => moveHeld(stage, name, heldMs);
    const times = await inTurns(stage, { ...postgres, name: '(d)' }, { ...peersOf(stage), held }, rounds);
    const what = `(d) as (c), held for ${heldMs / 60_000} minutes first: by hand, against pre-copy (content)`;
    return { name: 'hold', machine: machine(), peers: [byHand(what, times, 'held', goal)], memory_mb: {} };
  } finally {
    await stage.close();
  }
}
const goal = 10;

async function moveHeld({ rig }: Stage, stack: string, heldMs: number): Promise<void> {
  const { id } = await rig.migrate(stack, rig.hosts.b, { mode: 'pre-copy', hold: true });
  const show = () => rig.api.get<MigrationView>(`/migrations/${id}`);
  await until(async () => (await show()).status === 'holding', 'the hold', reachedMsMax);
  await sleep(heldMs);
  await rig.api.post(`/migrations/${id}/cutover`, {});
  noteSteps(await rig.ended(id));
}
/** The first pass carries 1 GiB, while pgbench writes. */
const reachedMsMax = 180_000;
