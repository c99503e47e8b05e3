import type { StackFacts } from '../../../../schema/facts.ts';
import type { TargetFacts } from '../../../../schema/target-facts.ts';
import type { Arriving, Asked } from '../../../permissions/asked.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerContext } from '../context.ts';
import { foreignVolumes } from '../policy/created-policy.ts';
import { privilegeOfBind } from '../policy/privileges.ts';

/** A source that could not prove it on arrival counts as none already now, before anything stops. */
export const arrivingOf = ({ project, names_itself }: StackFacts, source: string | null): Arriving => ({
  project,
  source: names_itself ? source : null,
});

/**
 * Privileges that the source reports for its services, and those that their bind mounts need on this host, as far as
 * neither the agent nor this host's owner allows them; and how its owner does.
 */
export async function powersRefused(
  context: Pick<DockerContext, 'api' | 'ownPaths' | 'permissions'>,
  stack: StackFacts,
  arriving: Arriving,
  project_path: string,
): Promise<Pick<TargetFacts, 'powers_refused' | 'allow_line' | 'permissions_fault'>> {
  const permitted = await context.permissions.of(arriving);
  const refused = (await powersAsked(context, stack, project_path)).filter((asked) => !permitted.has(asked));
  const key = ({ service, power, detail }: (typeof refused)[number]) => `${service} ${power} ${detail}`;
  const powers_refused = [...new Map(refused.map((one) => [key(one), one])).values()];
  return { powers_refused, allow_line: permitted.allowLine(powers_refused), permissions_fault: permitted.fault };
}

async function powersAsked(
  { api, ownPaths }: Pick<DockerContext, 'api' | 'ownPaths'>,
  stack: StackFacts,
  project_path: string,
): Promise<(Asked & { service: string })[]> {
  const host = { directory: project_path, own: await ownPaths() };
  const reported = stack.services.flatMap(({ name, powers }) => powers.map((power) => ({ service: name, ...power })));
  const binds = stack.bind_mounts.filter(({ inside_project }) => !inside_project);
  const own = await Promise.all(
    binds.map(async ({ service, source, read_only }) => {
      const detail = await realOf(source);
      return { service, power: privilegeOfBind(detail, read_only, host), detail };
    }),
  );
  const external = stack.volumes.filter((volume) => volume.external).map(({ name }) => name);
  const shared = await foreignVolumes(api, stack.project, new Set(), external);
  return [
    ...[...shared.values()].map((detail) => ({ service: 'external volume', power: 'host_path' as const, detail })),
    ...(await Promise.all(reported.map((asked) => asOnThisHost(asked, stack.working_dir, project_path)))),
    ...own.flatMap(({ power, ...bind }) => (power ? [{ ...bind, power }] : [])),
  ];
}

/** Names paths as they will be judged when they arrive: the project's below its place here, others without links. */
async function asOnThisHost<A extends Asked>(asked: A, sourceDir: string, targetDir: string): Promise<A> {
  const { power, detail } = asked;
  if ((power !== 'host_path' && power !== 'docker_socket') || !detail.startsWith('/')) return asked;
  const moved = sourceDir === targetDir ? detail : detail.replaceAll(`${sourceDir}/`, `${targetDir}/`);
  return { ...asked, detail: moved.includes(', below ') ? moved : await realOf(moved) };
}
