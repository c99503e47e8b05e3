import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { type ErrorCode, StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import { type DockerApi, filters, nothing } from './api.ts';
import { makeFifo, readFifo, writeFifo } from './fifo.ts';
import { migrationLabel } from './labels.ts';
import { worrying } from './tar-arguments.ts';

/**
 * Helper containers: one sees one volume (or one directory) and nothing else. Its bytes cross a FIFO in a directory of
 * ours that is mounted into it: the Engine's attach streams are five to twenty times slower.
 */
export interface HelperPlace {
  api: DockerApi;
  image: string;
  /** A directory of root's that this agent and the engine see at the same path. */
  ioDir: string;
}

export interface HelperTask {
  migrationId: string;
  purpose: 'pack' | 'unpack' | 'manifest' | 'measure';
  mount: { volume: string } | { directory: string };
  readOnly: boolean;
  capabilities: string[];
  /** Run by `sh -c`; it sees the mount as /v, and the arguments as "$@". */
  script: string;
  arguments?: string[];
  /** Code of the error that a bad end rejects with. */
  failure: ErrorCode;
  signal: AbortSignal;
}

const helperLabel = 'dev.stackferry.helper';
const created = z.object({ Id: z.string() });
const waited = z.object({ StatusCode: z.number() });

/** A helper whose output is read. `finished` resolves when it exited 0 and complained of nothing. */
export async function readFromHelper(
  place: HelperPlace,
  task: HelperTask,
): Promise<{ stream: Readable; finished: Promise<void> }> {
  const io = await openIo(place);
  const fifo = readFifo(join(io, 'data'));
  const finished = runHelper(place, task, io, '2>&1 >/io/data').finally(fifo.ended);
  finished.catch((error) => fifo.stream.destroy(error));
  return { stream: fifo.stream, finished };
}

/** A helper that is fed. `finished` resolves when it exited 0 and complained of nothing; it may end before the input does. */
export async function writeToHelper(
  place: HelperPlace,
  task: HelperTask,
): Promise<{ stream: Writable; finished: Promise<void> }> {
  const io = await openIo(place);
  const stream = writeFifo(join(io, 'data'));
  const finished = runHelper(place, task, io, '</io/data 2>&1').finally(() => stream.destroy());
  finished.catch(() => {});
  return { stream, finished };
}

/** Removes helpers that a crash, of the agent or of the engine, left behind. */
export async function sweepHelpers(api: DockerApi, isStale: (migrationId: string) => boolean): Promise<void> {
  const left = await api.get(
    `/containers/json?all=true&${filters({ label: [helperLabel] })}`,
    z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()) })),
  );
  const stale = left.filter(({ Labels }) => isStale(Labels[migrationLabel] ?? ''));
  await Promise.all(stale.map(({ Id }) => api.delete(`/containers/${Id}?force=true&v=true`)));
}

async function openIo({ ioDir }: HelperPlace): Promise<string> {
  const io = join(ioDir, randomUUID());
  await mkdir(io, { recursive: true, mode: 0o700 });
  await makeFifo(join(io, 'data'));
  return io;
}

async function runHelper(place: HelperPlace, task: HelperTask, io: string, redirect: string): Promise<void> {
  const { api } = place;
  const { signal, failure } = task;
  let id: string | null = null;
  try {
    signal.throwIfAborted();
    id = (await api.post('/containers/create', containerOf(place, task, io, redirect), created, { signal })).Id;
    await api.post(`/containers/${id}/start`, undefined, nothing, { timeoutMs: limits.agent.helperStartMsMax, signal });
    const { StatusCode } = await api.post(`/containers/${id}/wait`, undefined, waited, { timeoutMs: 0, signal });
    const complaints = worrying(await readFile(join(io, 'stderr'), 'utf8'));
    if (StatusCode !== 0 || complaints.length > 0)
      throw new StackferryError(
        failure,
        `The ${task.purpose} helper ended with ${StatusCode}: ${complaints.slice(0, 3).join('; ').slice(0, 500)}`,
      );
  } finally {
    if (id) await removeHelper(api, id);
    await rm(io, { recursive: true, force: true });
  }
}

/** An engine that is down keeps its helper; the sweep at the agent's next start removes it. */
async function removeHelper(api: DockerApi, id: string): Promise<void> {
  await api.delete(`/containers/${id}?force=true&v=true`).catch(() => {});
}

function containerOf({ image }: HelperPlace, task: HelperTask, io: string, redirect: string): unknown {
  const { migrationId, purpose, mount, readOnly, capabilities, script, arguments: args = [] } = task;
  // The complaints go through a pipe, cut at their bound; the exit code through a file, since the pipe hides it.
  const wrapper = `
    { sh -c "$0" helper "$@"; echo $? >/io/status; } ${redirect} |
      head -c ${limits.agent.helperStderrBytesMax} >/io/stderr
    exit "$(cat /io/status)"`;
  return {
    Image: image,
    Entrypoint: ['sh', '-c', wrapper, script, ...args],
    Cmd: [],
    User: '0:0',
    WorkingDir: '/',
    NetworkDisabled: true,
    Labels: { [migrationLabel]: migrationId, [helperLabel]: purpose },
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: capabilities,
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: limits.agent.helperPidsMax,
      Memory: limits.agent.helperMemoryBytesMax,
      MemorySwap: limits.agent.helperMemoryBytesMax,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      Mounts: [
        'volume' in mount
          ? { Type: 'volume', Source: mount.volume, Target: '/v', ReadOnly: readOnly, VolumeOptions: { NoCopy: true } }
          : { Type: 'bind', Source: mount.directory, Target: '/v', ReadOnly: readOnly },
        { Type: 'bind', Source: io, Target: '/io' },
      ],
    },
  };
}
