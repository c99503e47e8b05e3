import { StackferryError } from '../../../../schema/errors.ts';
import type { StackVolume } from '../../../../schema/facts.ts';
import { optionMountOf } from '../../../../schema/option-mounts.ts';
import type { Arriving } from '../../../permissions/asked.ts';
import { remedy } from '../../../permissions/permissions.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerContext } from '../context.ts';
import { privilegeOfBind } from '../policy/privileges.ts';
import { makeVolume } from './volumes.ts';

/**
 * Creates a volume that is a tmpfs or a bind mount by its options: the latter as far as the stack's bind mounts may go on
 * this host. Throws `resource_taken`, `policy_refused`.
 */
export async function createOptionVolume(
  { api, permissions, ownPaths }: Pick<DockerContext, 'api' | 'permissions' | 'ownPaths'>,
  spec: StackVolume,
  stack: Arriving & { directory: string },
  migrationId: string,
): Promise<void> {
  const mount = optionMountOf(spec);
  const refused = (what: string) =>
    new StackferryError('policy_refused', `This host refuses the volume "${spec.name}": ${what}.`);
  if (mount === null || mount.kind === 'network') throw refused('its options make it a mount of its own');
  if (mount.kind === 'bind') {
    const host = { directory: await realOf(stack.directory), own: await ownPaths() };
    const detail = await realOf(mount.device);
    const power = privilegeOfBind(detail, false, host);
    const permitted = await permissions.of(stack);
    if (power !== null && !permitted.has({ power, detail }))
      throw refused(`it asks for ${power} (${detail}).${remedy(permitted, [{ power, detail }])}`);
  }
  await makeVolume(api, spec, migrationId);
}
