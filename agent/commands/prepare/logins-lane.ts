import { randomBytes } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import { type RegistryLogin, sentLogins } from '../../../schema/registry-logins.ts';
import type { TarSink, TarSource } from '../../transfer/tar-ports.ts';

/**
 * One lane carries the registry logins of a migration, from memory to memory: they are in no file, command or answer
 * (ADR 16).
 */
export const loginsLane = 'logins';

export const loginsSource = (logins: RegistryLogin[]): TarSource => ({
  open: async () => ({ stream: Readable.from([encoded(logins)], { objectMode: false }), finished: Promise.resolve() }),
});

/** The lane has passed once `use` is done with the logins, so that a target that restarts meanwhile gets them again. */
export const loginsSink = (use: (logins: RegistryLogin[], signal: AbortSignal) => Promise<void>): TarSink => ({
  open: async (signal) => {
    const { stream, whole } = collected();
    const finished = whole.then((bytes) => use(decoded(bytes), signal));
    finished.catch(() => {});
    return { stream, finished };
  },
  // A second use has no further effect.
  reset: async () => {},
});

function encoded(logins: RegistryLogin[]): Buffer {
  const json = Buffer.from(JSON.stringify({ salt: randomBytes(32).toString('base64'), logins }));
  const block = limits.agent.registryLoginsBlockBytes;
  return Buffer.concat([json], Math.ceil(json.length / block) * block).fill(' ', json.length);
}

/** The error quotes nothing of what came. */
function decoded(bytes: Buffer): RegistryLogin[] {
  try {
    return sentLogins.parse(JSON.parse(bytes.toString('utf8'))).logins;
  } catch {
    throw new StackferryError('transfer_protocol', 'The source sent registry logins that can’t be read.');
  }
}

function collected(): { stream: Writable; whole: Promise<Buffer> } {
  const { promise: whole, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > limits.agent.registryLoginsBytesMax)
        return done(new StackferryError('transfer_protocol', 'The source sent more than registry logins can be.'));
      // Its memory is reused.
      chunks.push(Buffer.from(chunk));
      done();
    },
    final(done) {
      resolve(Buffer.concat(chunks));
      done();
    },
    destroy(error, done) {
      reject(error ?? new StackferryError('cancelled', 'The transfer of the registry logins was cut off.'));
      done(error);
    },
  });
  return { stream, whole };
}
