import type { ExternalNetwork } from '../../../schema/commands/parts.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import { makeableNetwork } from '../../../schema/network-facts.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import type { Fit } from './fit.ts';
import { withoutCompose } from './moved-stack.ts';
import { type CheckResult, fail, list, note, pass } from './verdicts.ts';
import { externalVolumesMove } from './ways-to-move.ts';

/** External networks to make on the target, as they are on the source. */
export function madeNetworks(stack: StackFacts, target: TargetFacts, with_external: boolean): ExternalNetwork[] {
  if (!with_external) return [];
  return absentOf(stack, target).flatMap(({ name, settings }) =>
    settings ? [{ ...settings, name, labels: withoutCompose(settings.labels) }] : [],
  );
}

const absentOf = ({ networks }: StackFacts, { networks_absent }: TargetFacts) =>
  networks.filter(({ name, external }) => external && (networks_absent ?? []).includes(name));

export function networksPresent(fit: Fit): CheckResult {
  const { stack, target, options } = fit;
  const { networks_absent: absent, network_obstacles: obstacles, network_differences: differences } = target;
  if (absent === null) return fail('Could not determine whether the external networks exist on the target.');
  const unmakeable = absentOf(stack, target).flatMap(({ name, settings }) => whyNotMade(name, settings));
  if (absent.length > 0 && !options.with_external) {
    const isLifted = unmakeable.length === 0 && differences !== null && externalVolumesMove(fit);
    const words = isLifted ? ', or have it made as it is on the source: "with_external": true' : '';
    return fail(
      `Absent on the target: ${list(absent)}. Create it there first${words}.`,
      { absent },
      isLifted ? [{ with_external: true }] : [],
    );
  }
  if (unmakeable.length > 0) return fail(`Absent on the target: ${list(unmakeable)}.`, { absent });
  if (absent.length > 0 && differences === null)
    return fail(`Absent on the target: ${list(absent)}. The agent there can’t make networks: update it.`, { absent });
  if (obstacles === null) return fail('Could not determine whether the stack’s networks can be created on the target.');
  if (obstacles.length > 0) return cannotBeMade(obstacles, absent);
  return networksFound(stack, absent, differences ?? []);
}

function whyNotMade(name: string, settings: StackFacts['networks'][number]['settings']): string[] {
  if (settings === null)
    return [`${name}, and how it is made is not known: update the agent of the source, or create it there first`];
  const { driver, ipam_driver } = settings;
  return makeableNetwork(settings)
    ? []
    : [`${name}, which has the driver ${driver} (addresses: ${ipam_driver}) and is not made: create it there first`];
}

function cannotBeMade(obstacles: { name: string; why: string }[], absent: string[]): CheckResult {
  const words = obstacles.map(({ name, why }) => `${name} (${why})`);
  const advice =
    absent.length > 0
      ? 'Free it there, or create the network there yourself, with other settings.'
      : 'Free it there, or change the network in the stack’s file.';
  return fail(`Cannot be created on the target: ${list(words)}. ${advice}`, { obstacles });
}

function networksFound(
  { networks, project }: StackFacts,
  absent: string[],
  differences: NonNullable<TargetFacts['network_differences']>,
): CheckResult {
  const notes = differences.map(
    ({ name, differs }) => `Network ${name} is used as it is on the target (${list(differs)}).`,
  );
  const makers = networks
    .filter(({ name }) => absent.includes(name))
    .map(({ name, settings }) => ({ name, maker: settings?.labels['com.docker.compose.project'] }));
  for (const { name, maker } of makers)
    if (maker !== undefined && maker !== project)
      notes.push(
        `The stack ${maker}, which made network ${name}, finds the name taken if it moves to the target later: move it first.`,
      );
  if (absent.length > 0) notes.unshift(`Made on the target as on the source: ${list(absent)}.`);
  const measured = { absent, differences };
  return notes.length > 0
    ? note(notes.join(' '), measured)
    : pass('All external networks the stack needs exist on the target.');
}
