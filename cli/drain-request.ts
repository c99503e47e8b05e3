import type { Mode } from '../schema/migration-status.ts';
import type { ApiClient } from './api-client.ts';
import { consentsIn } from './consents.ts';
import { CliError, exitCodes } from './exit-code.ts';
import { findHost, listHosts, listStacks } from './find.ts';
import type { PlanEntry } from './plan-file/plan-file.ts';
import { readPlanFile } from './plan-file/read.ts';

/** What a drain is asked for with, by flags or by a plan. */
interface Asked {
  file?: string;
  stack?: string[];
  to?: string;
  mode: Mode;
  pack?: boolean;
  maxParallel?: number;
  bind?: string;
  exclude?: string[];
}

/** The host to be drained. */
interface Drained {
  id: string;
  name: string;
}

export async function requestOf(client: ApiClient, host: Drained, asked: Asked) {
  const { file, stack, to, mode, pack = false, maxParallel, bind, exclude = [], ...options } = asked;
  if (file !== undefined) return requestOfPlan(client, host, file, { maxParallel, pack });
  const request = {
    ...(stack === undefined ? {} : { stacks: stack }),
    ...(to === undefined ? {} : { target_host_id: (await findHost(client, to)).id }),
    ...(maxParallel === undefined ? {} : { max_parallel: maxParallel }),
    mode,
    pack,
    binds: bind === undefined ? [] : [bind],
    exclude,
    ...consentsIn(options),
  };
  return { request, changes: [] };
}

/** `changes`: what differs from the plan because the host's stacks changed. */
async function requestOfPlan(
  client: ApiClient,
  host: Drained,
  file: string,
  { maxParallel, pack }: { maxParallel: number | undefined; pack: boolean },
) {
  const { plan, wrong } = await readPlanFile(file);
  if (plan.host !== host.name && plan.host !== host.id)
    throw wrong(['host'], `This is a plan of ${plan.host}, not of ${host.name}.`);
  const [hosts, stacks] = await Promise.all([listHosts(client), listStacks(client)]);
  const here = stacks.filter(({ host_id }) => host_id === host.id).map(({ name }) => name);
  const planned = Object.keys(plan.stacks);
  const gone = planned.filter((name) => !here.includes(name));
  const added = here.filter((name) => !planned.includes(name));
  if (gone.length === planned.length)
    throw new CliError('not_found', `${host.name} runs none of the stacks in ${file}.`, exitCodes.not_found);
  const own = ([name, { to, ...options }]: [string, PlanEntry]) => {
    const target = hosts.find((one) => one.name === to || one.id === to);
    if (to !== undefined && !target) throw wrong(['stacks', name, 'to'], `There is no host named "${to}".`);
    return [name, { ...options, ...(target ? { target_host_id: target.id } : {}) }] as const;
  };
  const per_stack = Object.fromEntries(
    Object.entries(plan.stacks)
      .map(own)
      .filter(([name]) => here.includes(name)),
  );
  const max_parallel = maxParallel ?? plan.max_parallel;
  return {
    request: {
      stacks: Object.keys(per_stack),
      ...(max_parallel === undefined ? {} : { max_parallel }),
      pack,
      per_stack,
    },
    changes: [
      ...gone.map((name) => `${name} is in ${file}, but no longer on ${host.name}.`),
      ...added.map((name) => `${name} is not in ${file}: it stays on ${host.name}.`),
    ],
  };
}
