import { readFile, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { type DockerRig, startDockerRig, wipeBoth } from '../docker/docker-rig.ts';
import { plain } from '../docker/stacks.ts';
import { docker, mountpoint, socketOf } from '../docker/two-hosts.ts';
import { run } from '../support/run.ts';
import { type SshPeer, startSshPeer } from './ssh-peer.ts';

/** Two real hosts with our fleet and an sshd between them, for one benchmark. */
export interface Stage {
  rig: DockerRig;
  ssh: SshPeer;
  close(): Promise<void>;
}

export async function openStage(options: Parameters<typeof startDockerRig>[0] = {}): Promise<Stage> {
  await sweep();
  const rig = await startDockerRig(options);
  const ssh = await startSshPeer(join(rig.dir, 'ssh'));
  return {
    rig,
    ssh,
    close: async () => {
      ssh.close();
      await rig.close();
      await sweep();
    },
  };
}

/**
 * Removes what was moved before. ext4 passes over inodes that were deleted within the last minute, one by one: after
 * many files were deleted, creating files next takes many times as long.
 */
export async function sweep(): Promise<void> {
  const inodesFree = async () => (await statfs(dirname(socketOf('a')))).ffree;
  const before = await inodesFree();
  await wipeBoth();
  if ((await inodesFree()) - before < manyFiles) return;
  note('old volumes were removed; waiting for the file system to forget them');
  await new Promise((resolve) => setTimeout(resolve, forgetMs));
  await quiet();
}
const forgetMs = 65_000;
const manyFiles = 5_000;

/**
 * Nothing of what came before is left to do for the disk: what was written is on it, and what was deleted is discarded,
 * which some disks take half a minute for, while the next writer waits.
 */
export async function quiet(): Promise<void> {
  await run('sync', [], { timeoutMs: quietMsMax });
  const giveUp = Date.now() + quietMsMax;
  let before = 0;
  for (let still = 0; still < quietLooks; ) {
    if (Date.now() > giveUp) return note('the disk did not come to rest');
    await new Promise((resolve) => setTimeout(resolve, quietLookMs));
    const now = await diskActs();
    still = now - before < quietActsMax ? still + 1 : 0;
    before = now;
  }
}

/** Reads, writes and discards of all disks that are done. */
async function diskActs(): Promise<number> {
  const lines = (await readFile('/proc/diskstats', 'utf8')).trim().split('\n');
  const fields = lines.map((line) => line.trim().split(/\s+/).map(Number));
  return fields.reduce((sum, { 3: reads = 0, 7: writes = 0, 14: discards = 0 }) => sum + reads + writes + discards, 0);
}
const quietMsMax = 180_000;
const quietLookMs = 500;
const quietLooks = 4;
/** In one look; logs and databases write a little all the time. */
const quietActsMax = 50;

/** Throws unless the engines' disk has room for so much, and something to spare. */
export async function needRoom(mebibytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(socketOf('a')));
  const free = Math.floor((bavail * bsize) / 1_048_576);
  const needed = mebibytes + spareMebibytes;
  if (free < needed) throw new Error(`the disk has ${free} MiB free, and this needs ${needed}`);
}
const spareMebibytes = 8_192;

/** Brings up a small stack on host a and fills its volume; resolves to the directory of the volume's files. */
export async function stackWithVolume(
  rig: DockerRig,
  name: string,
  fill: (dir: string) => Promise<void>,
  options: Parameters<typeof plain>[0] = {},
): Promise<string> {
  await rig.up(name, plain(options));
  const dir = await mountpoint('a', `${name}_data`);
  await fill(dir);
  return dir;
}

/** A new volume on host b; resolves to its directory. It stays until the stage is closed: deleting would cost who comes next. */
export async function emptyVolume(): Promise<string> {
  return mountpoint('b', (await docker('b', 'volume', 'create')).trim());
}

/** Moves it to host b; throws unless it completes. */
export async function move(
  rig: DockerRig,
  stack: string,
  options: Record<string, unknown> = {},
): Promise<MigrationView> {
  const migration = await rig.ended((await rig.migrate(stack, rig.hosts.b, options)).id);
  if (migration.status === 'completed') return migration;
  throw new Error(`the migration ended ${migration.status}: ${migration.failure?.message}`);
}

/** When a step began and ended, as `Date.now` gives it. */
export function spanOf(migration: MigrationView, step: string): { fromMs: number; toMs: number } {
  const found = migration.steps.find(({ name }) => name === step);
  return { fromMs: Date.parse(found?.started_at ?? ''), toMs: Date.parse(found?.ended_at ?? '') };
}

/** Seconds of one step. */
export function secondsOf(migration: MigrationView, step: string): number {
  const { fromMs, toMs } = spanOf(migration, step);
  return (toMs - fromMs) / 1000;
}

/** The kernel's own high-water mark of a process, in MB. */
export async function peakMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024);
}

export async function peaks({ hosts, relay }: DockerRig): Promise<Record<string, number>> {
  const processes = { agent_source: hosts.a.pid, agent_target: hosts.b.pid, relay: relay.pid };
  const entries = Object.entries(processes).map(async ([name, pid]) => [name, await peakMb(pid)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Where the time of a migration went. */
export const noteSteps = (migration: MigrationView): void =>
  note(`  ${migration.steps.map(({ name }) => `${name} ${secondsOf(migration, name).toFixed(2)} s`).join(', ')}`);

export const note = (text: string): void => void process.stderr.write(`${text}\n`);
