import { createReadStream } from 'node:fs';
import { copyFile, cp, link, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { constants, createGzip } from 'node:zlib';
import { sha256Of } from '../../node/sha256-of.ts';

/** Below the 25 MiB that a platform accepts per static file. */
const pieceBytes = 20 * 1_048_576;
const digestsName = 'SHA256SUMS';

/**
 * Copies the static files to `dir` and adds this process's Node to what `/install.sh` can fetch, for hosts without one.
 * Caches its pieces in `cacheDir`. Returns `dir`.
 */
export async function assetsWithNode(staticDir: string, dir: string, cacheDir: string): Promise<string> {
  const pieces = await nodePieces(cacheDir);
  await rm(dir, { recursive: true, force: true });
  await cp(staticDir, dir, { recursive: true });
  for (const name of await readdir(pieces)) await place(join(pieces, name), join(dir, 'install', name));
  await writeDigests(join(dir, 'install'));
  return dir;
}

/** Returns a directory with `node-linux-ARCH.gz.00` and so on; it is renamed into place when complete. */
async function nodePieces(cacheDir: string): Promise<string> {
  const done = join(cacheDir, `node-${process.version}-${process.arch}`);
  if (await readdir(done).catch(() => null)) return done;
  const made = join(cacheDir, `making-node-${process.pid}`);
  await addNode(made);
  // If another process was first, its pieces are the same.
  await rename(made, done).catch(() => rm(made, { recursive: true, force: true }));
  return done;
}

/** Writes the pieces into `dir`. */
export async function addNode(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const packed = await buffer(createReadStream(process.execPath).pipe(createGzip({ level: constants.Z_BEST_SPEED })));
  for (let at = 0; at * pieceBytes < packed.length; at += 1) {
    const name = `node-linux-${process.arch}.gz.${String(at).padStart(2, '0')}`;
    await writeFile(join(dir, name), packed.subarray(at * pieceBytes, (at + 1) * pieceBytes));
  }
}

/** Writes the digests of the files in `dir` in the format of `sha256sum`. */
export async function writeDigests(dir: string): Promise<void> {
  const names = (await readdir(dir)).filter((name) => name !== digestsName).sort();
  const lines = await Promise.all(names.map(async (name) => `${await sha256Of(join(dir, name))}  ${name}\n`));
  await writeFile(join(dir, digestsName), lines.join(''));
}

const place = (from: string, to: string) => link(from, to).catch(() => copyFile(from, to));
