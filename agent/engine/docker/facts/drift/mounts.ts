import { isAnonymousName } from '../../stack/volumes.ts';
import type { Compared } from './compared.ts';
import { itemsOf, listOf, recordOf, textOf } from './values.ts';

/**
 * Mounts as lines of text. Anonymous volumes are ignored on both sides: they may come from the image instead of the
 * file.
 */

const line = (type: string, source: string, target: string, writable: boolean) =>
  `${type} ${source} ${target} ${writable ? 'rw' : 'ro'}`;

export function mountsAsWritten({ service, names }: Compared): string[] {
  const volumes = itemsOf(service.volumes).flatMap((item) => {
    const { type, source, target, read_only } = recordOf(item);
    const from = textOf(source);
    if (type === 'volume' && from === '') return [];
    const name = type === 'volume' ? (names.volumes[from] ?? from) : type === 'tmpfs' ? '' : from;
    return [line(String(type), name, textOf(target), read_only !== true)];
  });
  const files = (['configs', 'secrets'] as const).flatMap((kind) =>
    itemsOf(service[kind]).flatMap((item) => {
      const { source, target } = recordOf(item);
      const file = names.files[kind][textOf(source)];
      return file ? [line('bind', file, textOf(target), false)] : [];
    }),
  );
  return [...volumes, ...files].sort();
}

export function mountsAsMade({ service, container, ...compared }: Compared): string[] {
  const mounts = container.Mounts.flatMap(({ Type, Name, Source, Destination, RW }) => {
    if (Type === 'volume' && isAnonymousName(Name ?? '')) return [];
    return [line(Type, Type === 'volume' ? (Name ?? '') : Source, Destination, RW)];
  });
  // Mounts of another service's container are added to these.
  const written = mountsAsWritten({ service, container, ...compared });
  const inherits = listOf(service.volumes_from).length > 0;
  return mounts.filter((mount) => !inherits || written.includes(mount)).sort();
}
