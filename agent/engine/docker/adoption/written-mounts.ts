import { recordOf } from '../facts/drift/values.ts';
import { isAnonymousName } from '../stack/volumes.ts';
import type { Adoptable, ImageDefaults } from './adoptable.ts';
import type { Service } from './host-settings.ts';

export const namedVolumes = ({ Mounts }: Adoptable): string[] =>
  Mounts.flatMap(({ Type, Name = '' }) => (Type === 'volume' && !isAnonymousName(Name) ? [Name] : []));

export function writtenMounts({ Mounts, HostConfig }: Adoptable, image: Partial<ImageDefaults>): Service {
  const tmpfs = Object.keys(recordOf(HostConfig.Tmpfs));
  const volumes = Mounts.flatMap(({ Type, Name = '', Source, Destination: target, Mode, RW, Propagation }) => {
    const isAnonymous = Type === 'volume' && isAnonymousName(Name);
    // The image makes those itself.
    if (isAnonymous && target in (image.Volumes ?? {})) return [];
    if (Type === 'tmpfs' && tmpfs.includes(target)) return [];
    const selinux = Mode.split(',').find((word) => word === 'z' || word === 'Z');
    const propagation = Propagation === '' || Propagation === 'rprivate' ? {} : { propagation: Propagation };
    const bind = { ...propagation, ...(selinux ? { selinux } : {}) };
    return [
      {
        type: Type,
        ...(isAnonymous || Type === 'tmpfs' ? {} : { source: Type === 'volume' ? Name : Source }),
        target,
        ...(RW ? {} : { read_only: true }),
        ...(Type === 'bind' && Object.keys(bind).length > 0 ? { bind } : {}),
      },
    ];
  });
  return volumes.length > 0 ? { volumes } : {};
}
