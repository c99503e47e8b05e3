import { powerMeanings } from '../../../schema/power-meanings.ts';
import { adviceOf, type Fit } from './fit.ts';
import { forwardRefusal } from './forward-check.ts';
import { namesRefusal } from './names-check.ts';
import { type CheckResult, fail, list, pass } from './verdicts.ts';

function free(taken: { name: string; by: string }[] | null, what: string, advice: string): CheckResult {
  if (taken === null) return fail(`Could not determine whether ${what} are free on the target.`);
  if (taken.length === 0) return pass(`All ${what} are free on the target.`);
  return fail(`Taken on the target: ${list(taken.map(({ name, by }) => `${name} (by ${by})`))}. ${advice}`, { taken });
}

export function portsFree({ target }: Fit): CheckResult {
  const { addresses_absent: absent } = target;
  if (absent === null)
    return fail('Could not determine whether the target has the addresses that ports are published on.');
  if (absent.length > 0)
    return fail(
      `Ports are published on ${list(absent)}, which no interface of the target has. Publish them on an address that both hosts have, or on all (leave the address out).`,
      { absent },
    );
  return free(target.ports_taken, 'published ports', 'Free it, or publish another port.');
}

export const projectFree = (fit: Fit): CheckResult =>
  free(
    fit.target.project_resources,
    `resources of the project name "${fit.stack.project}"`,
    adviceOf(
      fit,
      'Another stack of this project name is there; "up" would take its containers over. Remove or rename one of the two.',
    ),
  );

export const namesFree = (fit: Fit): CheckResult =>
  free(
    fit.target.names_taken,
    'fixed names',
    adviceOf(fit, 'Remove what holds the name, or drop the fixed name from the file.'),
  );

export function volumesFree(fit: Fit): CheckResult {
  const { target, stack, kept } = fit;
  if (target.volumes_taken === null)
    return fail('Could not determine whether the volumes’ names are free on the target.');
  if (target.volumes_taken.length === 0) return pass('None of the volumes’ names is taken on the target.');
  const names = target.volumes_taken.map(({ name, migration_id }) =>
    migration_id && !kept
      ? `${name} (left by migration ${migration_id}: DELETE /api/v1/stacks/${stack.project}/migrate/${migration_id}/target)`
      : name,
  );
  const advice = adviceOf(fit, 'A volume is never overwritten: remove or rename it there.');
  return fail(`On the target already: ${list(names)}. ${advice}`, { taken: target.volumes_taken });
}

function present(absent: string[] | null, what: string): CheckResult {
  if (absent === null) return fail(`Could not determine whether the ${what} exist on the target.`);
  return absent.length === 0
    ? pass(`All ${what} the stack needs exist on the target.`)
    : fail(`Absent on the target: ${list(absent)}. Create it there first.`, { absent });
}

export const devicesPresent = ({ target }: Fit): CheckResult => present(target.devices_absent, 'devices and runtimes');

export function platformMatch({ stack, targetHost }: Fit): CheckResult {
  const { arch } = targetHost.engine;
  const other = stack.services.filter(({ image }) => image.arch !== '' && image.arch !== arch);
  return other.length === 0
    ? pass(`The images are made for ${arch}.`)
    : fail(
        `The target is ${arch}; made for another: ${list(other.map((s) => `${s.image.reference} (${s.image.arch})`))}.`,
      );
}

export function engineCompatible(fit: Fit): CheckResult {
  const { target, sourceHost, targetHost, mode, options } = fit;
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
    return fail(
      'These hosts cannot copy while the stack runs: use "mode": "stop-copy".',
      measured,
      target.compose_compatible.ok && !options.hold ? [{ mode: 'stop-copy' }] : [],
    );
  const refusal = holdRefusal(fit, measured) ?? forwardRefusal(fit) ?? namesRefusal(fit);
  if (refusal) return refusal;
  return target.compose_compatible.ok
    ? pass('The target’s Docker and Compose can run this file.', measured)
    : fail(target.compose_compatible.detail, measured);
}

/** Null if the migration need not hold, or can. */
function holdRefusal({ options, mode, target, sourceHost, targetHost }: Fit, measured: object): CheckResult | null {
  if (!options.hold) return null;
  if (mode !== 'pre-copy')
    return fail(
      'Only a pre-copy can hold: use "mode": "pre-copy".',
      { ...measured, mode },
      target.compose_compatible.ok ? [{ mode: 'pre-copy' }] : [],
    );
  if (sourceHost.engine.holds && targetHost.engine.holds) return null;
  return fail('An agent is too old to hold: update it, or migrate without "hold".', { ...measured });
}

export function policyAllows({ stack, target, names }: Fit): CheckResult {
  const { keys_refused, allow_line, permissions_fault } = target;
  if (keys_refused.length > 0) {
    const words = keys_refused.map(({ service, key }) => `${key} of service ${service}`);
    const keys = [...new Set(keys_refused.map(({ key }) => key))].join(',');
    return fail(
      `The target’s agent can’t judge ${list(words)}. Update it, or start it with --allow-key ${keys} if you know that this is harmless.`,
      { keys_refused },
    );
  }
  const refused = target.powers_refused.map(({ service, power, detail }) => `${service}: ${power} (${detail})`);
  const flags = [...new Set(target.powers_refused.map(({ power }) => power))].join(',');
  return refused.length === 0
    ? pass('The target’s policy lets the stack in.')
    : fail(
        [
          `Refused by the target: ${list(refused)}.`,
          ...(permissions_fault === null ? [] : [permissions_fault]),
          allow_line === null
            ? `Start its agent with --allow ${flags} to let it in.${stack.names_itself ? '' : ' Update the source’s agent, to let in this stack alone.'}`
            : `To let every stack have that, start its agent with --allow ${flags}. To let this one from ${names.source}, run as root on ${names.target}: \`${allow_line}\``,
        ].join(' '),
        { refused: target.powers_refused.map((one) => ({ ...one, means: powerMeanings[one.power] })) },
      );
}
