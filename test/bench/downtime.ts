import { spawn } from 'node:child_process';
import {
  addressOf,
  compose,
  docker,
  dockerBinary,
  mountpoint,
  type Project,
  removeContainers,
  socketOf,
} from '../docker/two-hosts.ts';
import { randomFile, randomFiles } from './fillings.ts';
import { http, postgres, type Question, startProbe } from './probe.ts';
import { compare, machine, type Result } from './result.ts';
import { move, note, noteSteps, openStage, quiet, type Stage, sweep } from './stage.ts';
import { moveByHand } from './tiny.ts';

const files = 32_768;
const pages = 131_072;
/** A probe asks every 10 ms and waits 100 ms for an answer: less than this above the floor, or below it, counts as this. */
const leastS = 0.1;
/** 1 % is written evenly over this long, or up to the stop. */
const writeS = 8;

interface Case {
  name: string;
  /** `floor`: of the whole of it, where there is such a goal. */
  goals: { stopCopy: number; preCopy: number; floor?: number };
  compose: string;
  question: Question;
  fill(dir: string, project: string): Promise<void>;
  /** Writes 1 % of the volume, or goes on writing; `stop` ends it. */
  write(project: string): { stop(): void };
}

const web = `
services:
  app: { image: "sf-nginx:1", ports: ["8080:80"], volumes: ["data:/data"], stop_grace_period: 2s }
volumes: { data: {} }
`;
const database = `
services:
  app:
    image: sf-postgres:1
    # As the official image has it: clients are disconnected, not waited for.
    stop_signal: SIGINT
    environment: { POSTGRES_PASSWORD: bench }
    ports: ["5432:5432"]
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: { test: [CMD-SHELL, pg_isready -U postgres -h 127.0.0.1], interval: 1s, retries: 60 }
volumes: { data: {} }
`;

/** A process in the stack's container, as what writes there is: it ends with it. */
function inContainer(project: string, command: string[]): { stop(): void } {
  const args = ['-H', `unix://${socketOf('a')}`, 'exec', `${project}-app-1`, ...command];
  const child = spawn(dockerBinary, args, { stdio: 'ignore' });
  return { stop: () => void child.kill() };
}

/** Does `act` of `$i` for 0 up to `count`. */
const spread = (count: number, act: string) => [
  'perl',
  '-e',
  `open(R, "</dev/urandom"); for my $i (0 .. ${count - 1}) { ${act} select(undef, undef, undef, ${writeS / count}); }`,
];

const cases: Case[] = [
  {
    name: '(a) 1 GiB of many files',
    goals: { stopCopy: 1.2, preCopy: 8, floor: 0.8 },
    compose: web,
    question: http,
    fill: randomFiles(files, 32_768),
    write: (project) =>
      inContainer(
        project,
        spread(
          Math.floor(files / 100),
          'my $n = $i * 100; sysread(R, my $b, 32768); open(F, ">", "/data/d" . ($n % 500) . "/f$n"); syswrite(F, $b); close F;',
        ),
      ),
  },
  {
    name: '(b) one file of 1 GiB',
    goals: { stopCopy: 1.2, preCopy: 4 },
    compose: web,
    question: http,
    fill: randomFile(1024),
    write: (project) =>
      inContainer(
        project,
        spread(
          Math.floor(pages / 100),
          `sysread(R, my $b, 8192); open(F, "+<", "/data/blob"); sysseek(F, int(rand(${pages})) * 8192, 0); syswrite(F, $b); close F;`,
        ),
      ),
  },
  {
    name: '(c) PostgreSQL, 1 GiB, pgbench running',
    goals: { stopCopy: 1.2, preCopy: 2 },
    compose: database,
    question: postgres,
    fill: async (_, project) => {
      const pgbench = 'pgbench -h /var/run/postgresql -U postgres -iqs 65 postgres';
      await docker('a', 'exec', `${project}-app-1`, ...pgbench.split(' '));
    },
    write: (project) =>
      inContainer(project, 'pgbench -h /var/run/postgresql -U postgres -n -c 2 -T 600 postgres'.split(' ')),
  },
];

/** Seconds without an answer, from either host, while `act` runs and the volume is written. */
async function dark(
  stage: Stage,
  { question, ...one }: Case,
  name: string,
  act: (dir: string, project: Project) => Promise<void>,
) {
  const project = await stage.rig.up(name, { 'compose.yaml': one.compose });
  const dir = await mountpoint('a', `${name}_data`);
  await one.fill(dir, name);
  await quiet();
  const probe = startProbe([addressOf.a, addressOf.b], question);
  const writer = one.write(name);
  await act(dir, project);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  writer.stop();
  await probe.stop();
  for (const host of ['a', 'b'] as const) await removeContainers(host);
  return probe.longestGapS();
}

const moved = async ({ rig }: Stage, name: string, options?: Record<string, unknown>) =>
  noteSteps(await move(rig, name, options));

export async function downtime(rounds = 3, only = ''): Promise<Result> {
  const stage = await openStage();
  const peers: Result['peers'] = [];
  let count = 0;
  try {
    for (const one of cases.filter(({ name }) => name.startsWith(only))) {
      const runs = {
        floor: (_dir: string, project: Project) =>
          compose('a', project, 'stop').then(() => compose('a', project, 'up', '-d', '--wait')),
        hand: (dir: string, project: Project) => moveByHand(stage, project.name, dir),
        stop: (_dir: string, { name }: Project) => moved(stage, name),
        manifest: (_dir: string, { name }: Project) => moved(stage, name, { mode: 'pre-copy', verify: 'manifest' }),
        content: (_dir: string, { name }: Project) => moved(stage, name, { mode: 'pre-copy' }),
      };
      const times = Object.fromEntries(Object.keys(runs).map((kind) => [kind, [] as number[]])) as {
        [K in keyof typeof runs]: number[];
      };
      for (let round = 0; round < rounds; round++)
        for (const [kind, run] of Object.entries(runs) as [keyof typeof runs, (typeof runs)['floor']][]) {
          const act = async (dir: string, project: Project) => void (await run(dir, project));
          times[kind].push(await dark(stage, one, `dark${++count}`, act));
          note(`${one.name}, round ${round + 1} of ${rounds}, ${kind}: dark ${times[kind].at(-1)?.toFixed(2)} s`);
        }
      await sweep();
      const above = (kind: keyof typeof runs) =>
        times[kind].map((s, round) => Math.max(leastS, s - times.floor[round]!));
      const { stopCopy, preCopy, floor } = one.goals;
      peers.push(
        compare(`${one.name}: by hand, against stop-copy, above the floor`, above('stop'), above('hand'), stopCopy),
        compare(
          `${one.name}: by hand, against pre-copy (manifest), above the floor`,
          above('manifest'),
          above('hand'),
          preCopy,
        ),
        compare(
          `${one.name}: by hand, against pre-copy (content), above the floor`,
          above('content'),
          above('hand'),
          1,
        ),
      );
      if (floor)
        peers.push(
          compare(`${one.name}: the floor, against pre-copy (manifest), in all`, times.manifest, times.floor, floor),
        );
    }
    return { name: 'downtime', machine: machine(), peers, memory_mb: {} };
  } finally {
    await stage.close();
  }
}
