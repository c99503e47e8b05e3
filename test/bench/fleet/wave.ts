import { type ApiClient, ApiProblem } from '../../../cli/api-client.ts';
import { until } from '../../../cli/local/fleet.ts';
import type { MigrationView } from '../../../schema/api/migrations.ts';
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
  stacks: string[];
}

const waveMsMax = 600_000;

/** Each stack moves from its host to the next one, all at once. Throws unless all complete. */
export async function runWave(fleet: Fleet, round: number): Promise<Wave> {
  const { plane, api, meter, hosts, stacks } = fleet;
  const before = { cpuS: plane.cpuS(), writes: await plane.writes(), messages: meter.messages };
  const bytesBefore = plane.databaseBytes();
  const began = performance.now();
  const moves = await Promise.all(
    stacks.map(async (stack, number) => {
      const target_host_id = hosts[(number + round + 1) % hosts.length]!.id;
      const options = { target_host_id, sizing: 'stack' };
      const { id } = await api.post<MigrationView>(`/stacks/${stack}/migrate`, options).catch(explained(stack));
      return id;
    }),
  );
  await until(async () => moves.every((id) => meter.endOf(id) !== null), 'all stacks to have moved', waveMsMax).catch(
    async (cause) => {
      throw new Error(`${await endsOf(fleet)}; ${meter.faults.slice(0, 5).join('; ')}`, { cause });
    },
  );
  const ends = moves.map((id) => meter.endOf(id)!);
  const wave: Wave = {
    stacks: stacks.length,
    wallS: (Math.max(...ends) - began) / 1_000,
    eachS: ends.map((at) => (at - began) / 1_000),
    cpuS: plane.cpuS() - before.cpuS,
    writes: (await plane.writes()) - before.writes,
    messages: meter.messages - before.messages,
    databaseBytes: plane.databaseBytes() - bytesBefore,
  };
  const ended = await endsOf(fleet);
  if (ended !== `${stacks.length} completed`) throw new Error(`of ${stacks.length} stacks: ${ended}`);
  return wave;
}

/** How the latest migrations ended: "98 completed, 2 failed". */
async function endsOf({ api, stacks }: Fleet): Promise<string> {
  const { items } = await api.get<{ items: MigrationView[] }>(`/migrations?limit=${stacks.length}`);
  const counts = Map.groupBy(items, ({ status }) => status);
  return [...counts].map(([status, some]) => `${some.length} ${status}`).join(', ');
}

const explained = (stack: string) => (error: unknown) => {
  if (error instanceof ApiProblem) error.message += ` (${stack}: ${JSON.stringify(error.body).slice(0, 2_000)})`;
  throw error;
};
