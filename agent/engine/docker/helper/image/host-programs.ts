import { execFile } from 'node:child_process';
import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { limits } from '../../../../../schema/limits.ts';
import { readElf } from './elf.ts';

const execute = promisify(execFile);

const coreutils = 'cat head ls nice rm sleep sort stat sync timeout touch tr true uname uniq wc';

/** Programs that helpers run, with Debian's package, whose name is the same nearly everywhere. */
const packageOf: Record<string, string> = {
  sh: 'dash',
  awk: 'gawk',
  find: 'findutils',
  xargs: 'findutils',
  perl: 'perl',
  tar: 'tar',
  ...Object.fromEntries(coreutils.split(' ').map((name) => [name, 'coreutils'])),
};

/** Multi-call binaries have GNU's names but few of their options. Their shell and awk are good enough. */
const multicall = /^(busybox|toybox)/;
const plain = ['sh', 'awk'];

export interface HostPrograms {
  /** Name → path of the file. */
  programs: Map<string, string>;
  /** Loaders and libraries, by the paths at which programs look for them. */
  libraries: string[];
}

/** Finds the host's own programs for helpers. Throws an error with what is missing and the command that installs it. */
export async function hostPrograms(path = process.env.PATH ?? ''): Promise<HostPrograms> {
  const programs = new Map<string, string>();
  const libraries = new Set<string>();
  const missing: string[] = [];
  for (const name of Object.keys(packageOf).sort()) {
    const file = await findProgram(name, path);
    const elf = file && (await readElf(file));
    if (!file || !elf || (multicall.test(basename(file)) && !plain.includes(name))) {
      missing.push(name);
      continue;
    }
    programs.set(name, file);
    if (elf.interpreter) for (const each of await librariesOf(elf.interpreter, file)) libraries.add(each);
  }
  if (missing.length > 0)
    throw new Error(`this host lacks GNU's ${missing.join(', ')} (${await installCommand(missing, path)})`);
  return { programs, libraries: [...libraries].sort() };
}

async function findProgram(name: string, path: string): Promise<string | null> {
  for (const directory of path.split(':').filter((each) => each.startsWith('/'))) {
    const file = await realpath(join(directory, name)).catch(() => null);
    if (!file || !(await stat(file)).isFile()) continue;
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return file;
  }
  return null;
}

/** Lists the loader and the libraries it resolves. */
async function librariesOf(interpreter: string, program: string): Promise<string[]> {
  const { stdout } = await execute(interpreter, ['--list', program], {
    env: {},
    timeout: limits.agent.helperProbeMsMax,
  });
  return [interpreter, ...parseLibraries(stdout)];
}

/** Parses lines such as `libc.so.6 => /lib/libc.so.6 (0x7f…)`. Throws if a library is not found. */
export function parseLibraries(listed: string): string[] {
  const absent = /^\s*(\S+) => not found/m.exec(listed);
  if (absent) throw new Error(`the library ${absent[1]} is not found`);
  return [...listed.matchAll(/(?:^|\s)(\/\S+) \(0x[0-9a-f]+\)$/gm)].map(([, path]) => path!);
}

const installers = {
  'apt-get': 'install',
  apk: 'add',
  dnf: 'install',
  yum: 'install',
  zypper: 'install',
  pacman: '-S',
};

async function installCommand(missing: string[], path: string): Promise<string> {
  const packages = [...new Set(missing.map((name) => packageOf[name]))].sort().join(' ');
  for (const [program, verb] of Object.entries(installers))
    if (await findProgram(program, path)) return `${program} ${verb} ${packages}`;
  return `install ${packages}`;
}
