import { type HostPrivilege, hostPrivileges } from '../../schema/facts.ts';
import { UsageError } from '../config.ts';
import { realOf } from '../real-path.ts';
import { exactly } from './exactly.ts';
import type { Permission } from './permission-file.ts';

type Grant = Pick<Permission, 'power' | 'exactly'>;

/** `POWER` or `POWER=WHAT`, as `grantOf` reads it. */
export const wordOf = ({ power, exactly: what }: Grant): string => (what === null ? power : `${power}=${what}`);

/** What a bind mount, or another way to the host's files, is called. */
const hostPath = /^(\/|volume |volumes_from: |logging: )/;

/** Paths are resolved as they will be judged: without symbolic links. Throws UsageError. */
export async function grantOf(word: string): Promise<Grant> {
  const [name = '', ...rest] = word.split('=');
  const power = hostPrivileges.find((one) => one === name);
  if (!power) throw new UsageError(`"${name}" is not a power. There are ${hostPrivileges.join(', ')}`);
  if (rest.length === 0) return { power, exactly: null };
  return { power, exactly: await whatOf(power, rest.join('=')) };
}

async function whatOf(power: HostPrivilege, text: string): Promise<string> {
  if (text === '') throw new UsageError(`${power}= names nothing: which?`);
  if (power === 'host_path' && !hostPath.test(text))
    throw new UsageError(`host_path takes an absolute path, or what the report prints, not "${text}"`);
  const isPath = power === 'host_path' && text.startsWith('/') && !text.includes(', below ');
  const what = exactly({ power, detail: isPath ? await realOf(text) : text });
  if (what === null) throw new UsageError(`${power} is all or nothing: leave "=${text}" out`);
  return what;
}
