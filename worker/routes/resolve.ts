import type { MigrateRequest } from '../../schema/api/stacks.ts';
import { moveOptionsOf } from '../../schema/move-options.ts';
import type { ReportInputs } from '../../schema/preflight-report.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { findNode, type NodeRow } from '../store/nodes.ts';
import { findStacks, type ListedStack } from '../store/stacks.ts';

/** Returns the stack of a name. 404 if no host runs one, 409 `stack_ambiguous` if several do and none was chosen. */
export async function resolveStack(env: Env, name: string, sourceHostId?: string): Promise<ListedStack> {
  const stacks = await findStacks(env.DB, name);
  const here = sourceHostId === undefined ? stacks : stacks.filter(({ stack }) => stack.home_id === sourceHostId);
  const [only] = here;
  if (!only && sourceHostId !== undefined && stacks.length > 0)
    throw new Problem('not_found', `source_host_id: that host runs no stack named "${name}".`);
  if (!only) throw new Problem('not_found', `No host reports a stack named "${name}".`);
  if (here.length > 1)
    throw new Problem('stack_ambiguous', `Several hosts run a stack named "${name}"; say which by source_host_id.`, {
      hosts: here.map(({ stack }) => stack.home_id),
    });
  return only;
}

export interface Resolved {
  target: NodeRow;
  stack_name: string;
  inputs: ReportInputs;
}

/** Returns source and target of a request. Throws if a migration cannot even be tried. */
export async function resolveMigration(
  env: Env,
  name: string,
  request: Omit<MigrateRequest, 'verify' | 'health_timeout_s' | 'callback_url'>,
): Promise<Resolved> {
  const { stack } = await resolveStack(env, name, request.source_host_id);
  const { target_host_id, sizing, mode } = request;
  if (stack.home_id === target_host_id)
    throw new Problem('same_host', `"${name}" is on that host already; choose another target.`);
  const target = await findNode(env.DB, 'host', target_host_id);
  if (!target) throw new Problem('not_found', 'target_host_id: there is no such host.');
  return {
    target,
    stack_name: stack.name,
    inputs: {
      stack_id: stack.id,
      source_host_id: stack.home_id,
      target_host_id,
      sizing,
      mode,
      ...moveOptionsOf(request),
    },
  };
}
