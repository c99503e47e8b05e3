import type { ControlLink } from '../node/control-link.ts';
import type { Log } from '../node/log.ts';
import type { Leftover } from '../schema/agent-protocol.ts';
import { limits } from '../schema/limits.ts';
import type { Engine } from './engine/engine.ts';

const { inventoryIntervalMs, inventoryRepeatMs, metricsIntervalMs, restlessMs } = limits.control;

/**
 * Reports inventory and free resources to the control plane, one query of the engine at a time. An inventory is looked at every
 * `inventoryIntervalMs`, but sent only if it has changed, was not sent for `inventoryRepeatMs`, or a migration is at work here: a
 * thousand idle hosts cost the control plane little (C9).
 */
export function startHostReports(options: {
  engine: Engine;
  link: ControlLink;
  leftovers: () => Leftover[];
  log: Log;
}): {
  /** After a welcome: a new connection knows nothing yet. */
  now(): void;
  /** A command arrived: every look is sent for `restlessMs`. */
  stir(): void;
  /** Reports that failed because the engine could not be queried. */
  faults(): number;
  close(): void;
} {
  const { engine, link, leftovers, log } = options;
  let looking = false;
  let lookAgain = false;
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
      if (lookAgain) report();
    }
  };
  let sent = { text: '', at: 0 };
  let restlessUntil = 0;
  const inventory = async () => {
    const message = { type: 'inventory' as const, stacks: await engine.stacks(), leftovers: leftovers() };
    const text = JSON.stringify(message);
    const at = performance.now();
    if (text === sent.text && at >= restlessUntil && at - sent.at < inventoryRepeatMs) return;
    sent = { text, at };
    link.report(message);
  };
  const metrics = async () => link.report({ type: 'metrics', resources: await engine.resources() });
  const both = repeat(async () => {
    await inventory();
    await metrics();
  });
  const report = () => {
    lookAgain = looking;
    if (!looking) void both();
  };
  const timers = [
    setInterval(repeat(inventory), inventoryIntervalMs),
    // Offset by half an interval of the other, so that the two do not collide.
    setTimeout(() => timers.push(setInterval(repeat(metrics), metricsIntervalMs)), inventoryIntervalMs / 2),
  ];
  return {
    now: () => {
      sent = { text: '', at: 0 };
      report();
    },
    stir: () => {
      restlessUntil = performance.now() + restlessMs;
    },
    faults: () => faults,
    close: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
