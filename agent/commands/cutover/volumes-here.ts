import type { Deployment } from '../../../schema/deployment.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import { tenancyOf } from '../../tenancy.ts';
import type { CommandContext } from '../runner/context.ts';

/**
 * Throws `stack_not_found` with the volumes and bind mounts' directories that are gone. Compose silently creates what is
 * missing, empty: after a prune the stack would start without its data and pass for moved or restored.
 */
export async function assertVolumesHere({
  engine,
  ledger,
  migrationId,
  paths,
}: Pick<CommandContext, 'engine' | 'ledger' | 'migrationId' | 'paths'>): Promise<void> {
  const entry = ledger.find(migrationId);
  if (!entry) return;
  const { role, created, data, binds } = entry;
  // Once the stack lives here, its owner may put the data of a bind mount on another disk.
  const lived = ['home', 'retained'].includes(tenancyOf(entry));
  const missing =
    role === 'target'
      ? [
          ...(await engine.missing({ volumes: created.volumes, paths: lived ? [] : binds }, migrationId)),
          ...(await engine.missing({ volumes: [], paths: lived ? binds : [] })),
        ]
      : [
          ...(await engine.missing({ volumes: data?.volumes ?? [], paths: [] })),
          ...(await replacedBinds(entry, paths)),
        ];
  if (missing.length === 0) return;
  throw new StackferryError(
    'stack_not_found',
    `Gone from this host, with the stack's data: ${missing.join(', ')}. Somebody deleted it (docker volume prune?); the stack was not started on an empty one.`,
  );
}

/**
 * Containers get anonymous volumes by the control plane's word, so only those that this migration recorded: they could be
 * another stack's. Throws `policy_refused`.
 */
export function assertRecordedVolumes({ anonymous }: Deployment, entry: LedgerEntry | null): void {
  const recorded = (entry?.role === 'target' ? entry.created.volumes : entry?.data?.volumes) ?? [];
  const others = anonymous.filter(({ volume }) => !recorded.includes(volume)).map(({ volume }) => volume);
  if (others.length > 0)
    throw new StackferryError(
      'policy_refused',
      `This host refuses to mount ${others.join(', ')}: this migration has no such volume.`,
    );
}

/**
 * Bind mounts' directories of a source that are gone, or others than those that were moved: where a disk is not mounted,
 * its mount point is there, empty.
 */
export async function replacedBinds({ data, marks }: LedgerEntry, paths: CommandContext['paths']): Promise<string[]> {
  const binds = data?.binds ?? [];
  const now = await Promise.all(binds.map(async (path) => paths.mark(await paths.real(path))));
  return binds.filter(
    (path, index) => now[index] === null || (marks[path] !== undefined && marks[path] !== now[index]),
  );
}
