import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addressOf, compose, docker, dockerBinary, type Project, socketOf, wipe } from '../docker/two-hosts.ts';
import { randomFile, randomFiles } from './fillings.ts';
import { http, postgres, type Question, startProbe } from './probe.ts';
import { compare, machine, type Result } from './result.ts';
import { mountpoint, move, note, openStage, type Stage } from './stage.ts';
import { moveByHand } from './tiny.ts';

const files = 32_768;
const pages = 131_072;
const writeMs = 3_000;

interface Case {
  name: string;
  goals: { stopCopy: number; preCopy: number };
  compose: string;
  question: Question;
  fill(dir: string, project: string): Promise<void>;
  /** Writes 1 % of the volume, or goes on writing; `stop` ends it. */
  write(dir: string, project: string): { stop(): void };
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
    environment: { POSTGRES_PASSWORD: bench }
    ports: ["5432:5432"]
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: { test: [CMD-SHELL, pg_isready -U postgres -h 127.0.0.1], interval: 1s, retries: 60 }
volumes: { data: {} }
`;

/** One act, evenly spread over the first seconds. */
function spread(count: number, act: (index: number) => Promise<void>): { stop(): void } {
  let done = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < Math.ceil((count * 20) / writeMs) && done < count; i++) void act(done++).catch(() => {});
    if (done >= count) clearInterval(timer);
  }, 20);
  return { stop: () => clearInterval(timer) };
}

const cases: Case[] = [
  {
    name: '(a) 1 GiB of many files',
    goals: { stopCopy: 1.2, preCopy: 8 },
    compose: web,
    question: http,
    fill: randomFiles(files, 32_768),
    write: (dir) =>
      spread(files / 100, (i) => writeFile(join(dir, `d${(i * 100) % 500}`, `f${i * 100}`), randomBytes(32_768))),
  },
  {
    name: '(b) one file of 1 GiB',
    goals: { stopCopy: 1.2, preCopy: 4 },
    compose: web,
    question: http,
    fill: randomFile(1024),
    write: (dir) =>
      spread(pages / 100, async () => {
        const file = await open(join(dir, 'blob'), 'r+');
        await file.write(randomBytes(8_192), 0, 8_192, Math.floor(Math.random() * pages) * 8_192);
        await file.close();
      }),
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
    write: (_, project) => {
      const load = 'pgbench -h /var/run/postgresql -U postgres -n -c 2 -T 600 postgres'.split(' ');
      const args = ['-H', `unix://${socketOf('a')}`, 'exec', `${project}-app-1`, ...load];
      const child = spawn(dockerBinary, args, { stdio: 'ignore' });
      return { stop: () => void child.kill() };
    },
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
  const probe = startProbe([addressOf.a, addressOf.b], question);
  const writer = one.write(dir, name);
  await act(dir, project);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  writer.stop();
  await probe.stop();
  for (const host of ['a', 'b'] as const) await wipe(host);
  return probe.longestGapS();
}

export async function downtime(rounds = 3): Promise<Result> {
  const stage = await openStage();
  const peers: Result['peers'] = [];
  let count = 0;
  try {
    for (const one of cases) {
      const runs = {
        floor: (_dir: string, project: Project) =>
          compose('a', project, 'stop').then(() => compose('a', project, 'up', '-d', '--wait')),
        hand: (dir: string, project: Project) => moveByHand(stage, project.name, dir),
        stop: (_dir: string, { name }: Project) => move(stage.rig, name),
        manifest: (_dir: string, { name }: Project) => move(stage.rig, name, { mode: 'pre-copy', verify: 'manifest' }),
        content: (_dir: string, { name }: Project) => move(stage.rig, name, { mode: 'pre-copy' }),
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
      const above = (kind: keyof typeof runs) => times[kind].map((s, round) => Math.max(0.01, s - times.floor[round]!));
      const { stopCopy, preCopy } = one.goals;
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
        compare(`${one.name}: the floor, against pre-copy (manifest), in all`, times.manifest, times.floor, 0.8),
      );
    }
    return { name: 'downtime', machine: machine(), peers, memory_mb: {} };
  } finally {
    await stage.close();
  }
}
