import { spawn } from 'node:child_process';
import { docker, dockerBinary, socketOf } from '../docker/two-hosts.ts';
import { randomFile, randomFiles } from './fillings.ts';
import { http, postgres, type Question } from './probe.ts';

const fileBytes = 32_768;
const pages = 131_072;
/** 1 % is written evenly over this long, or up to the stop. */
const writeS = 8;

/** A stack, the request that a probe repeats, and what is written to its volume during a move. */
export interface Scene {
  compose: string;
  question: Question;
  fill(dir: string, project: string): Promise<void>;
  /** Writes 1 % of the volume, or goes on writing; `stop` ends it. */
  write(project: string): { stop(): void };
}

export interface Case extends Scene {
  name: string;
  /** `floor`: of the whole of it, where there is such a goal. */
  goals: { stopCopy: number; preCopy: number; content: number; floor?: number };
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

/** A volume of files of 32 KiB. */
export function manyFiles(mebibytes: number): Scene {
  const files = (mebibytes * 1_048_576) / fileBytes;
  const rewrite =
    'my $n = $i * 100; sysread(R, my $b, 32768); open(F, ">", "/data/d" . ($n % 500) . "/f$n"); syswrite(F, $b); close F;';
  return {
    compose: web,
    question: http,
    fill: randomFiles(files, fileBytes),
    write: (project) => inContainer(project, spread(Math.floor(files / 100), rewrite)),
  };
}

export const cases: Case[] = [
  {
    name: '(a) 1 GiB of many files',
    goals: { stopCopy: 1.5, preCopy: 20, content: 8, floor: 0.9 },
    ...manyFiles(1024),
  },
  {
    name: '(b) one file of 1 GiB',
    goals: { stopCopy: 1.5, preCopy: 20, content: 8 },
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
    goals: { stopCopy: 1.5, preCopy: 8, content: 4 },
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
