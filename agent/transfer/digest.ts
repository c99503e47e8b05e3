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
  /** `memory` is sent along when the digest first uses it, and known by its number from then on. */
  | {
      id: number;
      digest: number;
      kind: 'update';
      slot: number;
      memory?: ArrayBufferLike;
      offset: number;
      length: number;
    }
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
  const slots = new Map<ArrayBufferLike, number>();
  return {
    update: async ({ buffer, byteOffset, length }) => {
      const known = slots.get(buffer);
      const slot = known ?? slots.size;
      if (known === undefined) slots.set(buffer, slot);
      const memory = known === undefined ? { memory: buffer } : {};
      await ask({ id: 0, digest, kind: 'update', slot, ...memory, offset: byteOffset, length });
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
  const digests = new Map<number, { hash: ReturnType<typeof createHash>; slots: ArrayBufferLike[] }>();
  parentPort!.on('message', (request: Request) => {
    const digest = digests.get(request.digest) ?? { hash: createHash('sha256'), slots: [] };
    digests.set(request.digest, digest);
    let hex = '';
    if (request.kind === 'update') {
      if (request.memory) digest.slots[request.slot] = request.memory;
      digest.hash.update(new Uint8Array(digest.slots[request.slot]!, request.offset, request.length));
    } else {
      digests.delete(request.digest);
      hex = digest.hash.digest('hex');
    }
    parentPort!.postMessage({ id: request.id, hex });
  });
}
