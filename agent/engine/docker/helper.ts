import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { hostname, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { type ErrorCode, StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import { shortened } from '../../../schema/shortened.ts';
import { sleep } from '../../sleep.ts';
import { type DockerApi, filters, nothing } from './api.ts';
import { complaintFilter } from './complaints.ts';
import { type Exchanges, makeExchanges } from './exchanges.ts';
import { holdFifo, readFifo, writeFifo } from './fifo.ts';
import { agentLabel, helperLabel, migrationLabel } from './labels.ts';
import type { Slots } from './slots.ts';

/**
 * Helper containers: one sees one volume (or one directory) and nothing else. Its bytes cross a FIFO in a directory of
 * ours that is mounted into it: the Engine's attach streams are five to twenty times slower.
 */
export interface HelperPlace {
  api: DockerApi;
  /** Id or name of the helper image. */
  image: () => Promise<string>;
  /** For helpers; undefined for the engine's default. */
  runtime?: string | undefined;
  /** A directory of root's that this agent and the engine see at the same path. */
  ioDir: string;
  /** Marks this agent's helpers, so that a sweep spares those of another agent. */
  agentId: string;
  /** Of this host, for all migrations. */
  slots: Slots;
  /** Runs tasks in a helper that is there already, instead of one each; it sees `ioDir` as /io. */
  resident?: ResidentHelper;
}

export interface ResidentHelper {
  /** Runs a shell script in it. Resolves to its exit code. */
  run(script: string, signal: AbortSignal): Promise<number>;
  exchanges: Exchanges;
}

/** What a helper sees: a volume, or a directory. */
export type Carried = { volume: string } | { directory: string };

/** `volume shop_media` or `/srv/shop`. */
export const nameOf = (mount: Carried): string => ('volume' in mount ? `volume ${mount.volume}` : mount.directory);

/** What one helper container is for, and may. */
export interface HelperSeat {
  migrationId: string;
  purpose: 'pack' | 'unpack' | 'manifest' | 'measure' | 'resident';
  /** Seen as /v; several as /v/0, /v/1 and so on. */
  mount: Carried | Carried[];
  readOnly: boolean;
  capabilities: string[];
}

export interface HelperTask extends HelperSeat {
  /** Run by `sh -c`; it sees the mount as /v, its own exchange directory as $IO, and the arguments as "$@". */
  script: string;
  arguments?: string[];
  /** Code of the error that a bad end rejects with. */
  failure: ErrorCode;
  /** Lines of its complaints that are no loss to this task; with only such ones its exit code does not count. */
  tolerated?: RegExp[];
  signal: AbortSignal;
}

const created = z.object({ Id: z.string() });
const waited = z.object({ StatusCode: z.number() });

/** A helper whose output is read. `finished` resolves when it exited 0 and complained of nothing. */
export async function readFromHelper(
  place: HelperPlace,
  task: HelperTask,
): Promise<{ stream: Readable; finished: Promise<void> }> {
  const io = await exchangeOf(place);
  const fifo = readFifo(join(io, 'data'));
  const finished = runHelper(place, task, io, '2>&1 >$IO/data').finally(fifo.ended);
  finished.catch((error) => fifo.stream.destroy(error));
  return { stream: fifo.stream, finished };
}

/** A helper that is fed. `finished` resolves when it exited 0 and complained of nothing; it may end before the input does. */
export async function writeToHelper(
  place: HelperPlace,
  task: HelperTask,
): Promise<{ stream: Writable; finished: Promise<void> }> {
  const io = await exchangeOf(place);
  const stream = writeFifo(join(io, 'data'));
  // A short input may end before the helper opens its end of the FIFO: it would wait for ever for what is gone.
  const letGo = holdFifo(join(io, 'data'));
  const finished = runHelper(place, { ...task, script: `: >$IO/opened; ${task.script}` }, io, '<$IO/data 2>&1').finally(
    () => stream.destroy(),
  );
  void untilThere(join(io, 'opened'), finished).finally(letGo);
  return { stream, finished };
}

/** Resolves when the file is there, or the helper that was to make it has ended. */
async function untilThere(path: string, ended: Promise<void>): Promise<void> {
  let over = false;
  const settled = ended
    .catch(() => {})
    .then(() => {
      over = true;
    });
  while (!over && !existsSync(path)) await Promise.race([settled, sleep(limits.agent.helperOpenedPollMs)]);
}

/** A task without a stream: what it prints is thrown away. */
export async function runInHelper(place: HelperPlace, task: HelperTask): Promise<void> {
  const io = join(place.ioDir, randomUUID());
  await mkdir(io, { recursive: true, mode: 0o700 });
  await runHelper(place, task, io, '2>&1 >/dev/null');
}

/**
 * Removes helpers of this agent that a crash, of the agent or of the engine, left behind: all, or those of one migration.
 * Another agent on the same engine may be using its own.
 */
export async function sweepHelpers(
  { api, agentId }: Pick<HelperPlace, 'api' | 'agentId'>,
  migrationId?: string,
): Promise<void> {
  const label = [helperLabel, `${agentLabel}=${agentId}`];
  if (migrationId !== undefined) label.push(`${migrationLabel}=${migrationId}`);
  const left = await api.get(`/containers/json?all=true&${filters({ label })}`, z.array(z.object({ Id: z.string() })));
  await Promise.all(left.map(({ Id }) => api.delete(`/containers/${Id}?force=true&v=true`)));
}

async function exchangeOf({ ioDir, resident }: HelperPlace): Promise<string> {
  if (resident) return resident.exchanges.take();
  const [made] = await makeExchanges(ioDir, 1);
  return made!;
}

async function runHelper(place: HelperPlace, task: HelperTask, io: string, redirect: string): Promise<void> {
  try {
    task.signal.throwIfAborted();
    const code = place.resident
      ? await place.resident.run(scriptOf(task, `/io/${basename(io)}`, redirect), task.signal)
      : await runContainer(place, task, io, scriptOf(task, '/io', redirect));
    // Not even begun, for want of processes or room: that is a complaint too.
    const stderr = await readFile(join(io, 'stderr'), 'utf8').catch(() => 'it could not begin');
    judge(task, code, stderr);
  } finally {
    await rm(io, { recursive: true, force: true });
  }
}

async function runContainer(place: HelperPlace, seat: HelperTask, io: string, script: string): Promise<number> {
  const container = await startHelper(place, seat, io, script);
  try {
    return await container.ended;
  } finally {
    await container.remove();
  }
}

/** Starts a helper that runs the script; `ended` resolves to its exit code, and rejects when the signal aborts. */
export async function startHelper(
  { api, image, agentId, runtime, slots }: HelperPlace,
  seat: HelperSeat & { signal: AbortSignal },
  io: string,
  script: string,
): Promise<{ ended: Promise<number>; remove(): Promise<void> }> {
  const { signal } = seat;
  const free = await slots.take(signal);
  const { Id } = await image()
    .then((id) =>
      api.post('/containers/create', containerOf({ image: id, agentId, runtime }, seat, io, script), created, {
        signal,
      }),
    )
    .catch((error) => {
      free();
      throw error;
    });
  const remove = () => removeHelper(api, Id).finally(free);
  try {
    await api.post(`/containers/${Id}/start`, undefined, nothing, { timeoutMs: limits.agent.helperStartMsMax, signal });
  } catch (error) {
    await remove();
    throw error;
  }
  const ended = api.post(`/containers/${Id}/wait`, undefined, waited, { timeoutMs: 0, signal, waits: true });
  ended.then(free, free);
  return { ended: ended.then(({ StatusCode }) => StatusCode), remove };
}

/** What GNU tar and the kernel say of a disk or a quota that is used up. */
const fullDisk = /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/;

/** Throws the task's failure for a bad exit, and for a good one with a complaint that hides a loss. */
function judge({ purpose, mount, failure, tolerated = [] }: HelperTask, code: number, stderr: string): void {
  const complaints = stderr.split('\n').filter((line) => line !== '');
  const losses = complaints.filter((line) => !tolerated.some((pattern) => pattern.test(line)));
  const full = losses.find((line) => fullDisk.test(line));
  if (full)
    throw new StackferryError('disk_full', `No space on ${hostname()}: ${[mount].flat().map(nameOf).join(', ')}.`);
  // GNU tar ends with 1 or 2 after a complaint; anything else is an end of another kind.
  if (losses.length === 0 && (code === 0 || (complaints.length > 0 && code <= 2))) return;
  const said = shortened(losses.slice(0, 3).join('; '), limits.agent.engineMessageCharsMax);
  const of = [mount].flat().map(nameOf).join(', ');
  throw new StackferryError(failure, `The ${purpose} helper of ${shortened(of, 200)} ended with ${code}: ${said}`);
}

/** An engine that is down keeps its helper; the sweep at the agent's next start removes it. */
async function removeHelper(api: DockerApi, id: string): Promise<void> {
  await api.delete(`/containers/${id}?force=true&v=true`).catch(() => {});
}

/**
 * The complaints go through a pipe, filtered and bounded; the exit code through a file, since the pipe hides it. A manifest
 * that is read beside other work of the same helper gives way to it.
 */
function scriptOf(
  { purpose, script, arguments: args = [], tolerated = [] }: HelperTask,
  io: string,
  redirect: string,
): string {
  return `export IO=${io}
    { ${purpose === 'manifest' ? 'nice ' : ''}sh -c ${[script, 'helper', ...args].map(quoted).join(' ')}; echo $? >$IO/status; } ${redirect} |
      awk ${quoted(complaintFilter(tolerated))} >$IO/stderr
    exit "$(cat $IO/status)"`;
}

/** One word of a shell script. */
export const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

const { helperMemoryPart, helperMemoryBytesMin } = limits.agent;
const memoryBytes = Math.max(helperMemoryBytesMin, Math.floor(totalmem() * helperMemoryPart));

function containerOf(
  { image, agentId, runtime }: { image: string; agentId: string; runtime: string | undefined },
  seat: HelperSeat,
  io: string,
  script: string,
): unknown {
  const { migrationId, purpose, mount, readOnly, capabilities } = seat;
  return {
    Image: image,
    Entrypoint: ['sh', '-c', script],
    Cmd: [],
    User: '0:0',
    WorkingDir: '/',
    NetworkDisabled: true,
    Labels: { [migrationLabel]: migrationId, [helperLabel]: purpose, [agentLabel]: agentId },
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: capabilities,
      ...(runtime ? { Runtime: runtime } : {}),
      // Under SELinux a container may not read files that were not labelled for it; elsewhere the option means nothing.
      SecurityOpt: ['no-new-privileges', 'label=disable'],
      PidsLimit: limits.agent.helperPidsMax,
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      Mounts: [
        ...(Array.isArray(mount)
          ? mount.map((each, index) => mountAt(each, `/v/${index}`, readOnly))
          : [mountAt(mount, '/v', readOnly)]),
        { Type: 'bind', Source: io, Target: '/io' },
      ],
    },
  };
}

const mountAt = (mount: Carried, target: string, readOnly: boolean) =>
  'volume' in mount
    ? { Type: 'volume', Source: mount.volume, Target: target, ReadOnly: readOnly, VolumeOptions: { NoCopy: true } }
    : { Type: 'bind', Source: mount.directory, Target: target, ReadOnly: readOnly };
