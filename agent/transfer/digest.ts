import { Worker } from 'node:worker_threads';
import { StackferryError } from '../../schema/errors.ts';

/** A running SHA-256 that is computed in a worker thread. */
export interface Digest {
  /** Resolves when the bytes have been hashed; until then they must not change. They must lie in shared memory. */
  update(bytes: Buffer): Promise<void>;
  /** Hex digest of all updates so far; ends the digest. */
  hex(): Promise<string>;
  /** Forgets an unfinished digest. */
  discard(): void;
}

type Request =
  | { id: number; digest: number; kind: 'update'; memory: ArrayBufferLike; offset: number; length: number }
  | { id: number; digest: number; kind: 'hex' | 'discard' };

interface Waiting {
  resolve: (hex: string) => void;
  reject: (error: Error) => void;
}

let worker: Worker | null = null;
let lastId = 0;
const waiting = new Map<number, Waiting>();

export function createDigest(): Digest {
  lastId += 1;
  const digest = lastId;
  return {
    update: async ({ buffer, byteOffset, length }) => {
      await ask({ id: 0, digest, kind: 'update', memory: buffer, offset: byteOffset, length });
    },
    hex: () => ask({ id: 0, digest, kind: 'hex' }),
    discard: () => {
      ask({ id: 0, digest, kind: 'discard' }).catch(() => {});
    },
  };
}

function ask(request: Request): Promise<string> {
  return new Promise((resolve, reject) => {
    lastId += 1;
    waiting.set(lastId, { resolve, reject });
    worker ??= startWorker();
    worker.postMessage({ ...request, id: lastId });
  });
}

/** One for the process: hashing is faster than any connection. From source text, so that it survives bundling. */
function startWorker(): Worker {
  const started = new Worker(`(${hashForEver})()`, { eval: true, name: 'digest' });
  started.unref();
  started.on('message', ({ id, hex }: { id: number; hex: string }) => {
    waiting.get(id)?.resolve(hex);
    waiting.delete(id);
  });
  const lost = (cause?: unknown) => {
    if (worker === started) worker = null;
    for (const { reject } of waiting.values())
      reject(new StackferryError('internal', 'The hashing thread ended', { cause }));
    waiting.clear();
  };
  started.on('error', lost);
  started.on('exit', () => lost());
  return started;
}

/** Runs in the worker; sees nothing of this module. */
function hashForEver(): void {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const hashes = new Map<number, ReturnType<typeof createHash>>();
  parentPort!.on('message', (request: Request) => {
    const hash = hashes.get(request.digest) ?? createHash('sha256');
    let hex = '';
    if (request.kind === 'update') {
      hashes.set(request.digest, hash.update(new Uint8Array(request.memory, request.offset, request.length)));
    } else {
      hashes.delete(request.digest);
      hex = hash.digest('hex');
    }
    parentPort!.postMessage({ id: request.id, hex });
  });
}
