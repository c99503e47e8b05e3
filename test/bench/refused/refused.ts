import { until } from '../../../cli/local/fleet.ts';
import { sleep } from '../../../node/sleep.ts';
import type { MigrationView } from '../../../schema/api/migrations.ts';
import { type DockerRig, startDockerRig } from '../../docker/docker-rig.ts';
import { addressOf } from '../../docker/two-hosts.ts';
import { type Measure, machine, type Result } from '../result.ts';
import { note, peaks, sweep } from '../stage.ts';
import { startClients } from './clients.ts';
import { measuresOf, peerMeasuresOf, type Run, told } from './figures.ts';
import { composeOf, type Scenario, scenarios } from './scenarios.ts';

/** Clients come for so long before anything is done to the stack, and after it. */
const aroundMs = 3_000;

/** They only show what forwarding is compared with. */
const peerRoundsMax = 3;

/** Which clients of a stack's old address are refused, and how long they wait. */
export async function refused(rounds = 10, only = ''): Promise<Result> {
  const measures: Measure[] = [];
  const memory: Record<string, number> = {};
  for (const direct of [true, false]) {
    const chosen = scenarios.filter((one) => one.direct === direct && one.name.startsWith(only));
    if (chosen.length === 0) continue;
    await sweep();
    const rig = await startDockerRig({ direct });
    try {
      for (const scenario of chosen) measures.push(...(await runsOf(rig, scenario, rounds)));
      if (direct) Object.assign(memory, await peaks(rig));
    } finally {
      await rig.close();
      await sweep();
    }
  }
  return { name: 'refused', machine: machine(), peers: [], measures, memory_mb: memory };
}

async function runsOf(rig: DockerRig, scenario: Scenario, rounds: number): Promise<Measure[]> {
  const ours: Run[] = [];
  const peer: Run[] = [];
  for (let round = 1; round <= rounds; round++) {
    ours.push(await oneRun(rig, scenario, true));
    note(`${scenario.name}, round ${round} of ${rounds}: ${told(ours.at(-1)!)}`);
    if (!scenario.hasPeer || round > peerRoundsMax) continue;
    peer.push(await oneRun(rig, scenario, false));
    note(`${scenario.name}, round ${round} of ${rounds}, without --forward: ${told(peer.at(-1)!)}`);
  }
  return [...measuresOf(scenario.name, ours), ...(scenario.hasPeer ? peerMeasuresOf(scenario.name, peer) : [])];
}

let count = 0;

async function oneRun(rig: DockerRig, scenario: Scenario, forward: boolean): Promise<Run> {
  const stack = `refused${++count}`;
  await rig.up(stack, { 'compose.yaml': composeOf(scenario) });
  const move = { rig, stack, forward };
  const before = (await scenario.before?.(move)) ?? null;
  const clients = await startClients(addressOf.a);
  await sleep(aroundMs);
  const { migration, downtimeS } = await scenario.act(move, before);
  await sleep(aroundMs);
  const run = { clients: await clients.ended(), downtimeS };
  const { id } = migration;
  // The next stack publishes the same ports.
  if (forward && migration.status === 'completed') {
    await rig.api.delete(`/migrations/${id}/forwarding`);
    await until(
      async () => (await rig.api.get<MigrationView>(`/migrations/${id}`)).owed.length === 0,
      'the end of forwarding',
    );
  }
  await sweep();
  return run;
}
