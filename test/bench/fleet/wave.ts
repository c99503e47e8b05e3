import { type ApiClient, ApiProblem } from '../../../cli/api-client.ts';
import { until } from '../../../cli/local/fleet.ts';
import type { MigrationView } from '../../../schema/api/migrations.ts';
import { note } from '../stage.ts';
import type { Wave } from './figures.ts';
import type { LightHost } from './light-host.ts';
import type { ManyAddresses } from './many-addresses.ts';
import type { Meter } from './meter.ts';
import type { Plane } from './plane.ts';

export interface Fleet {
  plane: Plane;
  api: ApiClient;
  addresses: ManyAddresses;
  meter: Meter;
  /** In order of their names. */
  hosts: LightHost[];
  /** `home`: the number of its host. */
  stacks: { name: string; home: number }[];
}

const waveMsMax = 600_000;

/** Each stack moves from its host to the next one, all at once. One that fails is counted, and stays where it was. */
export async function runWave(fleet: Fleet): Promise<Wave> {
  const { plane, api, meter, hosts, stacks } = fleet;
  const before = { cpuS: plane.cpuS(), writes: await plane.writes(), messages: meter.messages };
  const bytesBefore = plane.databaseBytes();
  const began = performance.now();
  const moves = await Promise.all(
    stacks.map(async (stack) => {
      const target_host_id = hosts[(stack.home + 1) % hosts.length]!.id;
      const options = { target_host_id, sizing: 'stack' };
      const { id } = await api
        .post<MigrationView>(`/stacks/${stack.name}/migrate`, options)
        .catch(explained(stack.name));
      return { id, stack };
    }),
  );
  await until(async () => moves.every(({ id }) => meter.endOf(id) !== null), 'all migrations to end', waveMsMax);
  const ends = moves.map(({ id }) => meter.endOf(id)!);
  const wave: Wave = {
    stacks: stacks.length,
    failed: 0,
    wallS: (Math.max(...ends) - began) / 1_000,
    eachS: ends.map((at) => (at - began) / 1_000),
    cpuS: plane.cpuS() - before.cpuS,
    writes: (await plane.writes()) - before.writes,
    messages: meter.messages - before.messages,
    databaseBytes: plane.databaseBytes() - bytesBefore,
  };
  for (const { id, stack } of moves) {
    const { status, failure } = await api.get<MigrationView>(`/migrations/${id}`);
    if (status === 'completed') stack.home = (stack.home + 1) % hosts.length;
    else {
      wave.failed += 1;
      note(`${stack.name}: ${status}, ${failure?.message}`);
    }
  }
  return wave;
}

const explained = (stack: string) => (error: unknown) => {
  if (error instanceof ApiProblem) error.message += ` (${stack}: ${JSON.stringify(error.body).slice(0, 2_000)})`;
  throw error;
};
