import { carryLanes } from '../carry/carry-lanes.ts';
import type { CommandHandler } from '../runner/context.ts';
import { loginsLane, loginsSink } from './logins-lane.ts';

/** Pulls images with the source's logins, which this host forgets then. Never cleaned up, like other images. */
export const pullImages: CommandHandler<'pull_images'> = async ({ project, peer, images }, context) => {
  const { engine, lanes } = context;
  const sink = loginsSink((logins, signal) => engine.ensureImages(images, signal, logins));
  await carryLanes(
    { project, role: 'target', peer },
    [{ lane: loginsLane, total: null, carry: (end) => lanes.receive({ ...end, sink }) }],
    context,
  );
  return {};
};
