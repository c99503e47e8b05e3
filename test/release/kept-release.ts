import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { ControlFiles } from '../../cli/build/control-sources.ts';
import { controlFilesIn } from '../../cli/local/control-files.ts';
import { run } from '../support/run.ts';

/** What is kept of a release in `test/release/VERSION/`; its README says how that is made. */
export interface KeptRelease {
  /** Files that Node runs. */
  agent: string;
  relay: string;
  control: ControlFiles;
}

/** Of `npm run build`'s directory. */
const kept = ['agent.js', 'relay.js', 'control/worker.js', 'control/options.json', 'control/migrations'];
const programs = (version: string) => join(import.meta.dirname, version, 'programs.tar.br');
const state = (version: string) => join(import.meta.dirname, version, 'in-flight.tar.br');

export const keepPrograms = (version: string, built: string) => pack(built, kept, programs(version));
export const keepState = (version: string, dir: string) => pack(dir, ['.'], state(version));

/** Unpacks the programs into a new directory. */
export async function keptRelease(version: string, into: string): Promise<KeptRelease> {
  await unpack(programs(version), into);
  return releaseIn(into);
}

export async function releaseIn(dir: string): Promise<KeptRelease> {
  // The pages' files are not kept; the Worker's settings name their directory.
  await mkdir(join(dir, 'control/static'), { recursive: true });
  const control = await controlFilesIn(join(dir, 'control'));
  return { agent: join(dir, 'agent.js'), relay: join(dir, 'relay.js'), control };
}

/** Unpacks the control plane with migrations in flight into a new directory. */
export const keptState = (version: string, into: string) => unpack(state(version), into);

/** Of a kept state: what the test needs to know beside the files. */
export interface StateNotes {
  made_at: number;
  url: string;
  token: string;
  /** Ids of migrations, by what they were about. */
  migrations: Record<string, string>;
}
const notesFile = (dir: string) => join(dir, 'notes.json');
export const writeNotes = (dir: string, notes: StateNotes) => writeFile(notesFile(dir), JSON.stringify(notes));
export const readNotes = async (dir: string) => JSON.parse(await readFile(notesFile(dir), 'utf8')) as StateNotes;

/** One window over the whole: agent, relay and Worker have much in common. */
async function pack(dir: string, names: string[], file: string): Promise<void> {
  const plain = `${file}.plain`;
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  await run('tar', ['-c', ...same, '-f', plain, '-C', dir, ...names]);
  const bytes = await readFile(plain);
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_LGWIN]: 24, [BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await writeFile(file, brotliCompressSync(bytes, { params }));
  await rm(plain);
}

async function unpack(file: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  const plain = join(into, 'plain.tar');
  await writeFile(plain, brotliDecompressSync(await readFile(file)));
  await run('tar', ['-x', '--no-same-owner', '-f', plain, '-C', into]);
  await rm(plain);
}
