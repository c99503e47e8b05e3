/** Volumes of the driver `local` that are mounts of their own by their options. */

type OptionMount = { kind: 'bind'; device: string } | { kind: 'tmpfs' } | { kind: 'network' };

interface Options {
  driver?: string | undefined;
  /** Of a file, they may be numbers. */
  options: Record<string, unknown>;
}

const mountOptions = ['type', 'o', 'device'];

/** True if options make a `local` volume a mount: a bind mount, a tmpfs, a network file system or another. */
export const hasMountOptions = (options: Record<string, unknown>): boolean =>
  mountOptions.some((option) => option in options);

const bindFlags = ['bind', 'rbind', 'rw', 'ro', 'private', 'rprivate'];
const tmpfsFlags = ['rw', 'noexec', 'nosuid', 'nodev', 'noatime', 'relatime'];
const tmpfsValue = /^(size|mode|uid|gid|nr_inodes)=[\w%]+$/;

/**
 * What mount(8) makes of the options; null for a plain volume, and for what is not known to be harmless, as are all other
 * flags: with `bind` the kernel ignores the type.
 */
export function optionMountOf({ driver, options }: Options): OptionMount | null {
  const { type = '', o = '', device = '', ...others } = textsOf(options);
  if ((driver ?? 'local') !== 'local' || Object.keys(others).length > 0) return null;
  const flags = o.split(',').filter((flag) => flag !== '');
  const isBind = flags.includes('bind') || flags.includes('rbind');
  if (isBind && ['', 'none', 'bind'].includes(type) && flags.every((flag) => bindFlags.includes(flag)))
    return /^\/(?!.*\/\.{1,2}(\/|$))/.test(device) ? { kind: 'bind', device } : null;
  const isPlain = flags.every((flag) => tmpfsFlags.includes(flag) || tmpfsValue.test(flag));
  if (type === 'tmpfs' && isPlain) return { kind: 'tmpfs' };
  return /^(nfs|cifs|smb)/.test(type) ? { kind: 'network' } : null;
}

const textsOf = (options: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)]));

/** The path that a volume's options bind, if they do only that. */
export function boundDevice(volume: Options): string | null {
  const mount = optionMountOf(volume);
  return mount?.kind === 'bind' ? mount.device : null;
}
