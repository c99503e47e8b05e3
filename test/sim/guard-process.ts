import { join } from 'node:path';
import { watchLeases } from '../../agent/lease/guard-watch.ts';
import { ledgerDirectory, ledgerEntry } from '../../agent/migration-ledger.ts';
import { createLog } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import { limits } from '../../schema/limits.ts';
import { clockOf, stateDir } from './agent-process.ts';
import { type Actor, newActor } from './clock.ts';
import type { SimHost } from './host.ts';

/** The lease guard's watch, as `agent/lease/guard.ts` runs it in a process of its own. */
export class GuardProcess {
  readonly actor: Actor;
  readonly #kill: () => void;
  #ending = false;
  /** Whether the watch asks if its service is being stopped. One that does not has no handler for the signal either. */
  #heedsSignals = false;

  constructor(host: SimHost) {
    const { world } = host;
    const actor = newActor(`${host.id}.guard`, host.skewMs);
    this.actor = actor;
    const disk = host.disk.for(actor);
    const directory = ledgerDirectory(stateDir);
    const call = <T>(what: string, act: () => T) => host.engineCall(actor, what, act);
    const watch = watchLeases({
      view: {
        look: async () => {
          const names = await disk.list(directory);
          const texts = await Promise.all(names.map((name) => disk.read(join(directory, name))));
          return texts.map((text) => ledgerEntry.parse(JSON.parse(text ?? '')));
        },
      },
      engine: async () => ({
        stop: async (ids, signal) => {
          const { containers } = host;
          const there = ids.flatMap((id) => containers.all.get(id) ?? []);
          for (const container of there)
            await call('disarm', () => {
              container.policy = 'no';
            });
          const running = there.filter(({ state }) => state === 'running');
          await host.agentEngine(actor).stop(
            running.map(({ id }) => id),
            signal,
            limits.lease.stopGraceMsMax,
          );
          return running.map(({ id }) => id);
        },
        start: async (ids) => {
          for (const id of ids)
            await call('start', () => {
              const container = host.containers.all.get(id);
              if (container) host.containers.start(container, 'the guard puts it back');
            });
        },
      }),
      clock: clockOf(host),
      ending: () => {
        this.#heedsSignals = !world.options.plant?.deafGuard;
        return this.#ending;
      },
      log: createLog((line) => world.trace(actor.name, line.slice(25))),
    });
    const run = async () => {
      while (await watch.look().catch(() => true)) await sleep(limits.lease.guardPollMs);
      world.time.kill(actor);
    };
    world.time.after(world.random.between(50, 300), actor, () => void run());
    this.#kill = () => world.time.kill(actor);
  }

  /** SIGTERM. */
  end(): void {
    if (this.#heedsSignals) this.#ending = true;
    else this.#kill();
  }
}
