import type { HostFacts, StackFacts, TargetFacts } from '../../schema/facts.ts';
import type { Mode } from '../../schema/migration-status.ts';
import { fail, list, note, pass, type Verdict } from './check.ts';
import { shippedImages } from './plan.ts';

/** The checks about a stack and whether the target can take it, made once source and target have both answered. */
export interface Fit {
  stack: StackFacts;
  target: TargetFacts;
  sourceHost: HostFacts;
  targetHost: HostFacts;
  accept_unmoved: boolean;
  mode: Mode;
  /** The call that deletes what an earlier migration of this stack keeps on the target. */
  kept: string | null;
}

/** What holds the place may be this stack's own older copy. */
const adviceOf = ({ kept }: Fit, otherwise: string): string =>
  kept ? `An earlier migration of this stack keeps its copy there; when you no longer need it: ${kept}.` : otherwise;

export function imageAvailable({ stack, target }: Fit): Verdict {
  const shipped = shippedImages(stack, target).map(({ reference }) => reference);
  const words = {
    differs: 'is another image on the target',
    not_found: 'is not found',
    unauthorized: 'needs a login on the target',
    rate_limited: 'is refused for now by the registry (rate limit)',
    unreachable: 'is not on the target, and its registry can’t be reached from there',
  };
  const missing = target.images.flatMap((image) =>
    image.state === 'present' || image.state === 'pullable' || shipped.includes(image.reference)
      ? []
      : [{ ...image, state: image.state }],
  );
  const measured = { images: target.images };
  if (missing.length === 0) return pass(imagesFound(target.images.length, shipped), measured);
  const what = missing.map(
    ({ reference, state, detail }) => `${reference} ${words[state]}${detail ? ` (${detail})` : ''}`,
  );
  const advice = new Set(missing.map(imageAdvice));
  return fail([`${list(what)}.`, ...advice].join(' '), measured);
}

/** A tag that moved could change what another stack starts next. */
function imageAdvice({ state, loadable = true }: TargetFacts['images'][number]): string {
  if (state === 'differs')
    return 'A tag of the target is never moved: on the source, give this image a tag of its own, name that in the compose file, and recreate the service.';
  if (!loadable)
    return 'An image that is named by its digest can only be sent between two containerd image stores: let the target reach its registry, or name a tag in the compose file.';
  return 'Load or pull it there first.';
}

function imagesFound(all: number, shipped: string[]): string {
  const found = `${all - shipped.length} of ${all} images are on the target or can be pulled there`;
  return shipped.length === 0 ? `${found}.` : `${found}; ${list(shipped)} will be sent from the source.`;
}

function free(taken: { name: string; by: string }[] | null, what: string, advice: string): Verdict {
  if (taken === null) return fail(`Whether ${what} are free on the target could not be told.`);
  if (taken.length === 0) return pass(`All ${what} are free on the target.`);
  return fail(`Taken on the target: ${list(taken.map(({ name, by }) => `${name} (by ${by})`))}. ${advice}`, { taken });
}

export function portsFree({ target }: Fit): Verdict {
  const { addresses_absent: absent } = target;
  if (absent === null)
    return fail('Whether the target has the addresses that ports are published on could not be told.');
  if (absent.length > 0)
    return fail(
      `Ports are published on ${list(absent)}, which no interface of the target has. Publish them on an address that both hosts have, or on all (leave the address out).`,
      { absent },
    );
  return free(target.ports_taken, 'published ports', 'Free it, or publish another port.');
}

export const projectFree = (fit: Fit): Verdict =>
  free(
    fit.target.project_resources,
    `resources of the project name "${fit.stack.project}"`,
    adviceOf(
      fit,
      'Another stack of this project name is there; "up" would take its containers over. Remove or rename one of the two.',
    ),
  );

export const namesFree = (fit: Fit): Verdict =>
  free(
    fit.target.names_taken,
    'fixed names',
    adviceOf(fit, 'Remove what holds the name, or drop the fixed name from the file.'),
  );

export function volumesFree(fit: Fit): Verdict {
  const { target, stack, kept } = fit;
  if (target.volumes_taken === null)
    return fail('Whether the volumes’ names are free on the target could not be told.');
  if (target.volumes_taken.length === 0) return pass('None of the volumes’ names is taken on the target.');
  const names = target.volumes_taken.map(({ name, migration_id }) =>
    migration_id && !kept
      ? `${name} (left by migration ${migration_id}: DELETE /api/v1/stacks/${stack.project}/migrate/${migration_id}/target)`
      : name,
  );
  const advice = adviceOf(fit, 'A volume is never overwritten: remove or rename it there.');
  return fail(`On the target already: ${list(names)}. ${advice}`, { taken: target.volumes_taken });
}

export function pathFree(fit: Fit): Verdict {
  const { target, stack } = fit;
  const { free, detail, free_bytes } = target.path;
  const needed = stack.project_files.size_bytes;
  const measured = { path: target.project_path, free_bytes, needed_bytes: needed };
  if (free !== true)
    return fail(`${target.project_path} on the target: ${detail} ${adviceOf(fit, '')}`.trim(), measured);
  if (free_bytes === null) return fail(`The room at ${target.project_path} could not be measured.`, measured);
  if (needed !== null && free_bytes < needed * 1.1)
    return fail(`${target.project_path} has too little room.`, measured);
  return pass(`${target.project_path} is free and has room.`, measured);
}

function present(absent: string[] | null, what: string): Verdict {
  if (absent === null) return fail(`Whether the ${what} exist on the target could not be told.`);
  return absent.length === 0
    ? pass(`All ${what} the stack needs exist on the target.`)
    : fail(`Absent on the target: ${list(absent)}. Create it there first.`, { absent });
}

export function networksPresent({ target }: Fit): Verdict {
  const absent = present(target.networks_absent, 'external networks');
  if (absent.status === 'fail') return absent;
  const { network_obstacles: obstacles } = target;
  if (obstacles === null) return fail('Whether the stack’s networks can be made on the target could not be told.');
  if (obstacles.length === 0) return absent;
  const words = obstacles.map(({ name, why }) => `${name} (${why})`);
  return fail(
    `Cannot be had on the target: ${list(words)}. Free it there, or change the network in the stack’s file.`,
    {
      obstacles,
    },
  );
}
export const devicesPresent = ({ target }: Fit): Verdict => present(target.devices_absent, 'devices and runtimes');

export function platformMatch({ stack, targetHost }: Fit): Verdict {
  const { arch } = targetHost.engine;
  const other = stack.services.filter(({ image }) => image.arch !== '' && image.arch !== arch);
  return other.length === 0
    ? pass(`The images are made for ${arch}.`)
    : fail(
        `The target is ${arch}; made for another: ${list(other.map((s) => `${s.image.reference} (${s.image.arch})`))}.`,
      );
}

export function engineCompatible({ target, sourceHost, targetHost, mode }: Fit): Verdict {
  const measured = { source: sourceHost.engine, target: targetHost.engine };
  if (sourceHost.engine.kind !== targetHost.engine.kind) return fail('The two hosts run different engines.', measured);
  if (sourceHost.engine.userns_remap !== targetHost.engine.userns_remap)
    return fail('One engine remaps user namespaces and the other does not: owners would come out wrong.', measured);
  if (sourceHost.engine.userns_remap)
    return fail(
      'Both engines remap user namespaces (userns-remap): the owners of the project directory’s files could not be kept.',
      measured,
    );
  if (sourceHost.engine.rootless !== targetHost.engine.rootless)
    return fail('One engine is rootless and the other is not: owners would come out wrong.', measured);
  if (mode === 'pre-copy' && (!sourceHost.engine.pre_copy || !targetHost.engine.pre_copy))
    return fail('These hosts cannot copy while the stack runs: use "mode": "stop-copy".', measured);
  return target.compose_compatible.ok
    ? pass('The target’s Docker and Compose can run this file.', measured)
    : fail(target.compose_compatible.detail, measured);
}

const unmovableOptions = ['type', 'o', 'device'];

export function composeSupported({ stack, target, accept_unmoved }: Fit): Verdict {
  const problems = [
    ...stack.compose_errors,
    ...dataProblems(stack),
    ...stack.orphans.flatMap(({ container, service, running }) =>
      running
        ? [
            `container ${container} runs for service ${service}, which the Compose file no longer has ("docker stop ${container}" if nobody needs it, else put the service back into the file)`,
          ]
        : [],
    ),
    ...stack.remote_includes.map((what) => `${what} is included from elsewhere`),
    ...stack.project_files.outside.map((path) => `${path} lies outside the project directory`),
    ...(target.project_path === stack.working_dir ? [] : stack.project_files.absolute_links).map(
      (path) =>
        `${path} is a link by absolute path and would lead elsewhere at ${target.project_path}: make it a relative one`,
    ),
    ...(target.external_volumes_absent ?? []).map((volume) => `external volume ${volume} is not on the target`),
    ...stack.volumes.flatMap((volume) => [
      ...(volume.driver !== 'local' ? [`volume ${volume.name} has the remote driver ${volume.driver}`] : []),
      ...(unmovableOptions.some((option) => option in volume.options)
        ? [`volume ${volume.name} is a mount of its own (options ${Object.keys(volume.options).join(', ')})`]
        : []),
      ...(volume.also_used_by.length > 0 ? [`volume ${volume.name} is also used by ${list(volume.also_used_by)}`] : []),
    ]),
  ];
  const anonymous = stack.anonymous_volumes.filter(({ size_bytes }) => size_bytes !== 0);
  const lost = [
    ...anonymous.map(({ service }) => `an anonymous volume of service ${service} holds data and does not move`),
    ...absentBinds({ stack, target }).map(
      ({ service, source, link }) =>
        `bind mount ${source}${link ? ` (by the link ${link})` : ''} of service ${service} does not move and is absent on the target: the stack would start on an empty directory`,
    ),
  ];
  if (target.external_volumes_absent === null) problems.push('whether external volumes are on the target is not known');
  if (!accept_unmoved) problems.push(...lost.map((what) => `${what} (go on without it: "accept_unmoved": true)`));
  if (problems.length > 0) return fail(`Can’t be moved: ${list(problems)}.`, { problems });
  return lost.length > 0 ? note(`Left behind, as accepted: ${list(lost)}.`) : pass('Everything in the stack can move.');
}

/** What stands against moving all of the data, and nothing but one copy of it. */
function dataProblems({ data }: StackFacts): string[] {
  if (!data) return ['what is mounted in its data and who else uses it is not known: update the agent of the source'];
  return [
    ...data.nested_mounts.map(
      ({ tree, path, kind }) =>
        `${path} in ${tree} is ${kind === 'device' ? 'another device' : `a mount of its own (${kind})`} whose contents would stay behind: unmount it or copy them into the data`,
    ),
    ...data.unseen.map(({ tree, why }) => `${tree} could not be looked at (${why})`),
    ...data.writers
      .filter(({ above }) => !above)
      .map(({ container, uses, one_off }) =>
        one_off
          ? `${container} runs beside the stack ("docker compose run") and can write its data: let it end, or stop it`
          : `${container} (not of this stack) runs and uses ${uses}: stop it first`,
      ),
  ];
}

/** Bind mounts that a container would find empty on the target. */
const absentBinds = ({ stack, target }: Pick<Fit, 'stack' | 'target'>) =>
  stack.bind_mounts.filter(
    ({ inside_project, source }) =>
      !inside_project && target.bind_mounts.some(({ path, exists }) => path === source && !exists),
  );

export function configCurrent({ stack }: Fit): Verdict {
  const { current, detail } = stack.drift;
  if (current === true) return pass('The compose file on disk is what runs.');
  if (current === null) return fail(`Whether the file on disk is what runs could not be told: ${detail}`);
  return fail(
    `The file on disk is not what runs: ${detail} Put it back as it was; or recreate these services from it yourself, when ` +
      'it is safe that they restart and that newer images start.',
  );
}

export function policyAllows({ target }: Fit): Verdict {
  const refused = target.powers_refused.map(({ service, power, detail }) => `${service}: ${power} (${detail})`);
  const flags = [...new Set(target.powers_refused.map(({ power }) => power))].join(',');
  return refused.length === 0
    ? pass('The target’s policy lets the stack in.')
    : fail(`Refused by the target: ${list(refused)}. Start its agent with --allow ${flags} to let it in.`, {
        refused: target.powers_refused,
      });
}
