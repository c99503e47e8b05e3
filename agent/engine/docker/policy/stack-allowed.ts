import type { Deployment } from '../../../../schema/deployment.ts';
import { startsPlainly } from '../../../compose/start-work.ts';
import type { DockerContext } from '../context.ts';
import { writeBindOverride } from '../stack/bind-override.ts';
import { assertArrivedAllowed } from './arrived-file.ts';
import { assertNetworksFit } from './arrived-networks.ts';

/**
 * See `Engine.assertAllowed`. Our own file for bind mounts is written once the stack's are found harmless, since Compose
 * reads them for it, and is then judged like them.
 */
export async function assertStackAllowed(
  context: DockerContext,
  deployment: Deployment,
  source: string | null,
  signal: AbortSignal,
): Promise<{ plain: boolean }> {
  const arrived = { ...deployment, override: null };
  let model = await assertArrivedAllowed(context, arrived, source, signal);
  if (deployment.override) {
    const compose = { binary: context.dockerBinary, socketPath: context.socketPath };
    await writeBindOverride(compose, arrived, deployment.override, signal);
    model = await assertArrivedAllowed(context, deployment, source, signal);
  }
  await assertNetworksFit(context.api, deployment.project, model);
  return { plain: startsPlainly(model) };
}
