import type { Deployment } from '../../../schema/agent-protocol.ts';
import { startArguments } from '../../compose/arguments.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { inspectAll, levels, startContainer } from './containers.ts';
import type { DockerContext } from './context.ts';
import { compose, projectOn } from './deployment.ts';

/**
 * Starts a created stack in the order of its dependencies. Compose does it where that takes more than starting: it knows
 * conditions and hooks. Else the Engine is told directly, since Compose takes a tenth of a second to begin, in the dark.
 */
export async function startStack(
  context: DockerContext,
  deployment: Deployment,
  containerIds: string[],
  signal: AbortSignal,
  plain = false,
): Promise<void> {
  const { api, socketPath } = context;
  if (!plain) return compose(context, startArguments(socketPath, projectOn(deployment), deployment.services), signal);
  for (const level of levels(await inspectAll(api, containerIds)))
    await Promise.all(level.map(({ Id }) => startContainer(api, Id, signal)));
}

/** Whether all that its start takes is to start its containers, what others need first. */
export function startsPlainly({ services }: ComposeModel): boolean {
  return Object.values(services).every(
    ({ depends_on = {}, post_start = [], provider }) =>
      post_start.length === 0 &&
      provider === undefined &&
      Object.values(depends_on).every(({ condition = started }) => condition === started),
  );
}

const started = 'service_started';
