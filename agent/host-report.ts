import type { ControlLink } from '../node/control-link.ts';
import type { Log } from '../node/log.ts';
import type { Leftover } from '../schema/agent-protocol.ts';
import { limits } from '../schema/limits.ts';
import type { Engine } from './engine/engine.ts';

/** Reports inventory and free resources to the control plane at intervals, one query at a time. */
export function startHostReports(options: {
  engine: Engine;
  link: ControlLink;
  leftovers: () => Leftover[];
  log: Log;
}): {
  now(): void;
  /** Reports that failed because the engine could not be queried. */
  faults(): number;
  close(): void;
} {
  const { engine, link, leftovers, log } = options;
  let looking = false;
  let faults = 0;
  const repeat = (look: () => Promise<void>) => async () => {
    if (looking || !link.ready()) return;
    looking = true;
    try {
      await look();
    } catch (error) {
      faults += 1;
      log.warn('the engine could not be queried', { error });
    } finally {
      looking = false;
    }
  };
  const inventory = async () =>
    link.report({ type: 'inventory', stacks: await engine.stacks(), leftovers: leftovers() });
  const metrics = async () => link.report({ type: 'metrics', resources: await engine.resources() });
  const both = repeat(async () => {
    await inventory();
    await metrics();
  });
  const timers = [
    setInterval(repeat(inventory), limits.control.inventoryIntervalMs),
    // Offset by half an interval, so that the two do not collide.
    setTimeout(
      () => timers.push(setInterval(repeat(metrics), limits.control.metricsIntervalMs)),
      limits.control.metricsIntervalMs / 2,
    ),
  ];
  return {
    now: () => void both(),
    faults: () => faults,
    close: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
