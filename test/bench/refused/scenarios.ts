import { until } from '../../../cli/local/fleet.ts';
import { sleep } from '../../../node/sleep.ts';
import type { MigrationView } from '../../../schema/api/migrations.ts';
import type { DockerRig } from '../../docker/docker-rig.ts';
import { password } from './clients.ts';

/** What is done to a stack while clients of its old address come. */
export interface Scenario {
  name: string;
  /** Past the relay, as hosts do that reach each other. */
  direct: boolean;
  /** Whether the same is run without forwarding too. */
  hasPeer: boolean;
  /** The healthcheck of its page. */
  health: string;
  /** Before any client comes; resolves to the migration so far. */
  before?: (move: Move) => Promise<MigrationView>;
  /** Resolves to the seconds in which nothing could be answered. */
  act(move: Move, before: MigrationView | null): Promise<{ migration: MigrationView; downtimeS: number }>;
}

export interface Move {
  rig: DockerRig;
  stack: string;
  forward: boolean;
}

export const composeOf = ({ health }: Scenario) => `
services:
  web:
    image: sf-nginx:1
    # Debian's 768 connections for each of its processes are fewer than those that wait here.
    command: [sh, -c, "sed -i s/768/8192/ /etc/nginx/nginx.conf && exec nginx -g 'daemon off;'"]
    restart: always
    ports: ["8080:80"]
    volumes: ["pages:/data"]
    healthcheck: { test: [CMD-SHELL, ${JSON.stringify(health)}], interval: 1s, retries: 3 }
  db:
    image: sf-postgres:1
    restart: always
    # As the official image has it: clients are disconnected, not waited for.
    stop_signal: SIGINT
    environment: { POSTGRES_PASSWORD: ${password} }
    ports: ["5432:5432"]
    volumes: ["rows:/var/lib/postgresql/data"]
    healthcheck: { test: [CMD-SHELL, pg_isready -U postgres -h 127.0.0.1], interval: 1s, retries: 60 }
  cache:
    image: sf-redis:1
    restart: always
    ports: ["6379:6379"]
    volumes: ["keys:/data"]
    healthcheck: { test: [CMD-SHELL, redis-cli ping], interval: 1s, retries: 10 }
volumes: { pages: {}, rows: {}, keys: {} }
`;

const begin = ({ rig, stack, forward }: Move) => rig.migrate(stack, rig.hosts.b, { forward });

async function endedAs(status: MigrationView['status'], { rig }: Move, id: string): Promise<MigrationView> {
  const migration = await rig.ended(id);
  if (migration.status === status) return migration;
  throw new Error(`the migration ended ${migration.status}: ${migration.failure?.message}`);
}

const betweenS = (from: string, to: string | null | undefined) => (Date.parse(to ?? '') - Date.parse(from)) / 1000;
const downOf = (migration: MigrationView) => ({
  migration,
  downtimeS: betweenS(migration.downtime?.began_at ?? '', migration.downtime?.ended_at),
});

const moved = async (move: Move) => endedAs('completed', move, (await begin(move)).id);
const well = { direct: true, hasPeer: true, health: 'true' };

export const scenarios: Scenario[] = [
  { ...well, name: 'move', act: async (move) => downOf(await moved(move)) },
  {
    ...well,
    name: 'rollback',
    before: moved,
    async act({ rig }, before) {
      const show = () => rig.api.get<MigrationView>(`/migrations/${before?.id}`);
      await rig.api.post(`/migrations/${before?.id}/rollback`, {});
      await until(async () => (await show()).status === 'rolled_back', 'the rollback', rollbackMsMax);
      await until(async () => (await show()).owed.length === 0, 'what the rollback owes');
      const migration = await show();
      // A view's downtime is that of the move: here it is all from the request.
      const { requested_at = '', ended_at } = migration.rollback ?? {};
      return { migration, downtimeS: betweenS(requested_at, ended_at) };
    },
  },
  {
    ...well,
    name: 'a move that fails',
    health: '! grep -q sf-b /proc/self/cgroup',
    act: async (move) => downOf(await endedAs('failed', move, (await begin(move)).id)),
  },
  {
    ...well,
    name: 'the agent killed while it holds',
    hasPeer: false,
    async act(move) {
      const { rig } = move;
      const { id } = await begin(move);
      for (;;) {
        const { status, forwarding, failure } = await rig.api.get<MigrationView>(`/migrations/${id}`);
        if (status === 'transferring' && forwarding?.phase === 'holding') break;
        if (failure || status === 'completed') throw new Error(`not seen to hold: it is ${status}`);
        await sleep(lookMs);
      }
      await rig.hosts.a.restart();
      return downOf(await endedAs('completed', move, id));
    },
  },
  {
    ...well,
    name: 'the relay killed while it forwards',
    direct: false,
    hasPeer: false,
    before: moved,
    async act({ rig }, before) {
      const began = performance.now();
      await rig.relay.restart();
      return { migration: before!, downtimeS: (performance.now() - began) / 1000 };
    },
  },
];
const rollbackMsMax = 120_000;
const lookMs = 20;
