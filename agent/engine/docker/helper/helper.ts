import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { hostname, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { quoted } from '../../../../node/shell-word.ts';
import { sleep } from '../../../../node/sleep.ts';
import { type ErrorCode, StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { shortened } from '../../../../schema/shortened.ts';
import type { Tree } from '../../tree.ts';
import { type DockerApi, EngineAnswer, filters, nothing } from '../api.ts';
import { agentLabel, helperLabel, migrationLabel } from '../labels.ts';
import { holdFifo, readFifo, writeFifo } from './fifo.ts';
import { type JobDirs, makeJobDirs } from './job-dirs.ts';
import type { Slots } from './slots.ts';
import { complaintFilter } from './stderr-rules.ts';

/**
 * Helper containers: each sees one volume or directory and nothing else. Data passes through a FIFO in a bind-mounted
 * directory of the agent: the Engine's attach streams are five to twenty times slower.
 */
export interface HelperRuntime {
  api: DockerApi;
  /** Id or name of the helper image. */
  image: () => Promise<string>;
  /** Container runtime of helpers; undefined for the engine's default. */
  runtime?: string | undefined;
  /** A directory owned by root that agent and engine see at the same path. */
  ioDir: string;
  /** Labels this agent's helpers, so that a sweep spares those of another agent. */
  agentId: string;
  /** Shared by all migrations of this host. */
  slots: Slots;
  /** Runs tasks in an existing helper instead of one container each; it sees `ioDir` as /io. */
  resident?: ResidentHelper;
}

export interface ResidentHelper {
  /** Runs a shell script in it and returns the exit code. */
  run(script: string, signal: AbortSignal): Promise<number>;
  exchanges: JobDirs;
}

/** `volume shop_media` or `/srv/shop`. */
export const nameOf = (mount: Tree): string => ('volume' in mount ? `volume ${mount.volume}` : mount.directory);

/** Purpose and permissions of one helper container. */
export interface HelperSpec {
  migrationId: string;
  purpose: 'pack' | 'unpack' | 'manifest' | 'measure' | 'resident' | 'probe';
  /** Mounted at /v; several at /v/0, /v/1 and so on. */
  mount: Tree | Tree[];
  readOnly: boolean;
  capabilities: string[];
}

export interface HelperTask extends HelperSpec {
  /** Run by `sh -c`; it sees the mount as /v, its job directory as $IO, and the arguments as "$@". */
  script: string;
  arguments?: string[];
  /** Error code of a failed run. */
  failure: ErrorCode;
  /** Lines on stderr that mean no data loss in this task; if all lines are tolerated, the exit code is ignored. */
  tolerated?: RegExp[];
  signal: AbortSignal;
}

const created = z.object({ Id: z.string() });
const waited = z.object({ StatusCode: z.number() });

/** Runs a helper and returns its output. `finished` resolves when it exited 0 without an error on stderr. */
export async function readFromHelper(
  place: HelperRuntime,
  task: HelperTask,
): Promise<{ stream: Readable; finished: Promise<void> }> {
  const io = await exchangeOf(place);
  const fifo = readFifo(join(io, 'data'));
  const finished = runHelper(place, task, io, '2>&1 >$IO/data').finally(fifo.ended);
  finished.catch((error) => fifo.stream.destroy(error));
  return { stream: fifo.stream, finished };
}

/**
 * Runs a helper with input. `finished` resolves when it exited 0 without an error on stderr, possibly before the input
 * ends; `unpacked` once its script has made the file `$IO/unpacked`, if it does.
 */
export async function writeToHelper(
  place: HelperRuntime,
  task: HelperTask,
): Promise<{ stream: Writable; finished: Promise<void>; unpacked: Promise<void> }> {
  const io = await exchangeOf(place);
  const stream = writeFifo(join(io, 'data'));
  // A short input may end before the helper opens the FIFO; without this hold the helper would wait for ever.
  const letGo = holdFifo(join(io, 'data'));
  const finished = runHelper(place, { ...task, script: `: >$IO/opened; ${task.script}` }, io, '<$IO/data 2>&1').finally(
    () => stream.destroy(),
  );
  void untilThere(join(io, 'opened'), finished).finally(letGo);
  const unpacked = new Promise<void>((resolve) => {
    stream.once('finish', () => void untilThere(join(io, 'unpacked'), finished).then((there) => there && resolve()));
  });
  return { stream, finished, unpacked };
}

/** Resolves to true when the file exists, to false when the helper that should create it has ended. */
async function untilThere(path: string, ended: Promise<void>): Promise<boolean> {
  let over = false;
  const settled = ended
    .catch(() => {})
    .then(() => {
      over = true;
    });
  while (!over && !existsSync(path)) await Promise.race([settled, sleep(limits.agent.helperOpenedPollMs)]);
  return !over;
}

/** Runs a task without a stream; its output is discarded. */
export async function runInHelper(place: HelperRuntime, task: HelperTask): Promise<void> {
  const io = join(place.ioDir, randomUUID());
  await mkdir(io, { recursive: true, mode: 0o700 });
  await runHelper(place, task, io, '2>&1 >/dev/null');
}

/**
 * Removes helpers of this agent that a crash of the agent or the engine left behind: all, or those of one migration.
 * Another agent on the same engine may be using its own.
 */
export async function sweepHelpers(
  { api, agentId }: Pick<HelperRuntime, 'api' | 'agentId'>,
  migrationId?: string,
): Promise<void> {
  const label = [helperLabel, `${agentLabel}=${agentId}`];
  if (migrationId !== undefined) label.push(`${migrationLabel}=${migrationId}`);
  const left = await api.get(`/containers/json?all=true&${filters({ label })}`, z.array(z.object({ Id: z.string() })));
  await Promise.all(left.map(({ Id }) => api.delete(`/containers/${Id}?force=true&v=true`)));
}

async function exchangeOf({ ioDir, resident }: HelperRuntime): Promise<string> {
  if (resident) return resident.exchanges.take();
  const [made] = await makeJobDirs(ioDir, 1);
  return made!;
}

async function runHelper(place: HelperRuntime, task: HelperTask, io: string, redirect: string): Promise<void> {
  try {
    task.signal.throwIfAborted();
    const code = place.resident
      ? await place.resident.run(scriptOf(task, `/io/${basename(io)}`, redirect), task.signal)
      : await runContainer(place, task, io, scriptOf(task, '/io', redirect));
    // A task that never started, for want of processes or disk space, has failed too.
    const stderr = await readFile(join(io, 'stderr'), 'utf8').catch(() => 'it could not begin');
    judge(task, code, stderr);
  } finally {
    await rm(io, { recursive: true, force: true });
  }
}

async function runContainer(place: HelperRuntime, spec: HelperTask, io: string, script: string): Promise<number> {
  const container = await startHelper(place, spec, io, script);
  try {
    return await container.ended;
  } finally {
    await container.remove();
  }
}

/** Starts a helper that runs the script; `ended` resolves to its exit code, and rejects when the signal aborts. */
export async function startHelper(
  place: HelperRuntime,
  spec: HelperSpec & { signal: AbortSignal },
  io: string,
  script: string,
): Promise<{ ended: Promise<number>; remove(): Promise<void> }> {
  const { api } = place;
  const { signal } = spec;
  const free = await place.slots.take(signal);
  const Id = await createHelper(place, spec, io, script).catch((error) => {
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

/** Returns the container's id. Retries if a prune removed the image before the container was created. */
async function createHelper(
  { api, image, agentId, runtime }: HelperRuntime,
  spec: HelperSpec & { signal: AbortSignal },
  io: string,
  script: string,
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const wanted = containerOf({ image: await image(), agentId, runtime }, spec, io, script);
    try {
      return (await api.post('/containers/create', wanted, created, { signal: spec.signal })).Id;
    } catch (error) {
      const pruned = error instanceof EngineAnswer && error.status === 404;
      if (!pruned || attempt >= limits.agent.helperCreateTriesMax) throw error;
    }
  }
}

/** Messages of GNU tar and the kernel about a full disk or quota. */
const fullDisk = /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/;

export const noSpaceFor = (mount: HelperSpec['mount']) =>
  new StackferryError('disk_full', `No space on ${hostname()}: ${[mount].flat().map(nameOf).join(', ')}.`);

/** Throws the task's failure for a bad exit code, and for a good one with a message that hides a data loss. */
function judge({ purpose, mount, failure, tolerated = [] }: HelperTask, code: number, stderr: string): void {
  const complaints = stderr.split('\n').filter((line) => line !== '');
  const losses = complaints.filter((line) => !tolerated.some((pattern) => pattern.test(line)));
  const full = losses.find((line) => fullDisk.test(line));
  if (full) throw noSpaceFor(mount);
  // GNU tar exits with 1 or 2 after a message; any other code is another failure.
  if (losses.length === 0 && (code === 0 || (complaints.length > 0 && code <= 2))) return;
  const said = shortened(losses.slice(0, 3).join('; '), limits.agent.engineMessageCharsMax);
  const of = [mount].flat().map(nameOf).join(', ');
  throw new StackferryError(failure, `The ${purpose} helper of ${shortened(of, 200)} ended with ${code}: ${said}`);
}

/** If the engine is down the helper stays; the sweep at the agent's next start removes it. */
async function removeHelper(api: DockerApi, id: string): Promise<void> {
  await api.delete(`/containers/${id}?force=true&v=true`).catch(() => {});
}

/**
 * Filters and bounds stderr in a pipe. The exit code goes through a file, since the pipe hides it. Manifests run with
 * `nice`, so that they yield to other jobs of the same helper.
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

/** Quotes one word for a shell script. */

const { helperMemoryPart, helperMemoryBytesMin } = limits.agent;
const memoryBytes = Math.max(helperMemoryBytesMin, Math.floor(totalmem() * helperMemoryPart));

function containerOf(
  { image, agentId, runtime }: { image: string; agentId: string; runtime: string | undefined },
  spec: HelperSpec,
  io: string,
  script: string,
): unknown {
  const { migrationId, purpose, mount, readOnly, capabilities } = spec;
  return {
    Image: image,
    Entrypoint: ['sh', '-c', script],
    Cmd: [],
    User: '0:0',
    WorkingDir: '/',
    // The image may define one, as the agent's own does.
    Healthcheck: { Test: ['NONE'] },
    NetworkDisabled: true,
    Labels: { [migrationLabel]: migrationId, [helperLabel]: purpose, [agentLabel]: agentId },
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: capabilities,
      ...(runtime ? { Runtime: runtime } : {}),
      // Under SELinux a container may not read files labelled for others; elsewhere `label=disable` has no effect.
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

const mountAt = (mount: Tree, target: string, readOnly: boolean) =>
  'volume' in mount
    ? { Type: 'volume', Source: mount.volume, Target: target, ReadOnly: readOnly, VolumeOptions: { NoCopy: true } }
    : { Type: 'bind', Source: mount.directory, Target: target, ReadOnly: readOnly };
