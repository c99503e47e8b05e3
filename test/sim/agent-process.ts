import { type AgentCore, openAgentCore } from '../../agent/core.ts';
import type { LeaseClock } from '../../agent/lease/lease.ts';
import { createLog } from '../../node/log.ts';
import { createControlAsks } from '../../node/queries.ts';
import { sleep } from '../../node/sleep.ts';
import { createThrottles } from '../../node/throttle.ts';
import type { AgentMessage, ControlMessage } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { type Actor, newActor } from './clock.ts';
import type { Connection } from './connection.ts';
import { simForward } from './connections.ts';
import type { SimHost } from './host.ts';
import { lanesFor } from './lanes.ts';
import { simNames } from './names.ts';

export const stateDir = '/state';

export function clockOf(host: SimHost): LeaseClock {
  const clock = {
    sinceBootMs: () => host.world.time.now - host.bootedAt,
    bootId: `${host.id}-boot${host.boot}`,
  };
  return host.world.options.plant?.clock?.(clock) ?? clock;
}

/** One life of an agent: the production core, on a link, a disk and an engine of the simulation. */
export class AgentProcess {
  readonly actor: Actor;
  readonly #host: SimHost;
  #core: AgentCore | null = null;
  #connection: Connection | null = null;
  #welcomed = false;

  constructor(host: SimHost) {
    this.#host = host;
    const { world } = host;
    this.actor = newActor(`${host.id}.agent`, host.skewMs);
    world.trace(host.id, 'agent starts');
    world.time.after(world.random.between(20, 200), this.actor, () => void this.#run());
  }

  /** SIGTERM. */
  async end(): Promise<void> {
    if (!this.#host.world.options.plant?.deafAgent) await this.#core?.close();
    this.#host.world.time.kill(this.actor);
  }

  async #run(): Promise<void> {
    const { actor } = this;
    const host = this.#host;
    const { world } = host;
    const asks = createControlAsks((text) => this.#send(JSON.parse(text)));
    const core = await this.#open(asks);
    this.#core = core;
    core.resume();
    const resend = () => {
      if (this.#welcomed) for (const owed of core.owed()) this.#send({ type: 'result', ...owed });
    };
    setInterval(resend, limits.agent.resultResendMs);
    setInterval(() => void this.#report(), limits.control.inventoryIntervalMs);
    for (let attempt = 0; ; attempt = this.#welcomed ? 0 : attempt + 1) {
      this.#welcomed = false;
      await new Promise<void>((ended) => {
        this.#connection = world.control.network.connect(host, actor, {
          message: (told) => {
            const message = world.options.plant?.heard?.(told, host) ?? told;
            if (message.type === 'welcome') {
              this.#welcomed = true;
              resend();
              for (const text of asks.open()) this.#send(JSON.parse(text));
              void this.#report();
            } else if (message.type === 'reply') asks.answered(message.ask_id, message.outcome);
            else this.#take(core, message);
          },
          cut: ended,
        });
      });
      this.#connection = null;
      await sleep(world.random.between(250, Math.min(10_000, 250 * 2 ** attempt)));
    }
  }

  /** A core that cannot start, since the disk or the engine fails, is started again as by a supervisor. */
  async #open(asks: ReturnType<typeof createControlAsks>): Promise<AgentCore> {
    const { actor } = this;
    const host = this.#host;
    const { world } = host;
    const { plant } = world.options;
    for (;;) {
      try {
        return await openAgentCore({
          stateDir,
          engine: plant?.engine?.(host.agentEngine(actor), host) ?? host.agentEngine(actor),
          control: {
            ask: asks.ask,
            report: (message) => this.#send(message),
            sendResult: (command_id, outcome) => this.#send({ type: 'result', command_id, outcome }),
          },
          lanes: lanesFor(host, actor, asks.ask),
          openForward: (ledger) => simForward(host, actor, ledger),
          forwardsHere: async () => ({ ok: true, detail: 'simulated', ipv6: null }),
          names: plant?.names?.(simNames(host, actor)) ?? simNames(host, actor),
          throttles: createThrottles(null),
          pingRelay: async () => 1,
          upgrade: async () => {},
          guard: { ensure: async () => host.ensureGuard() },
          disk: plant?.disk?.(host.disk.for(actor)) ?? host.disk.for(actor),
          clock: clockOf(host),
          paths: { mountsBelow: async () => [], real: async (path) => path, mark: async (path) => path },
          log: createLog((line) => world.trace(actor.name, line.slice(25))),
        });
      } catch (error) {
        world.trace(actor.name, `cannot start: ${error}`);
        await sleep(2_000);
      }
    }
  }

  #take(core: AgentCore, message: ControlMessage): void {
    if (message.type === 'command') core.receive(message);
    else if (message.type === 'result_ack') core.acknowledge(message.command_id);
    else if (message.type === 'request') {
      const asked = this.#connection;
      void core.answer(message).then((outcome) => {
        if (this.#connection === asked) this.#send({ type: 'answer', request_id: message.id, outcome });
      });
    }
  }

  #send(message: AgentMessage): void {
    if (this.#welcomed || message.type === 'hello') this.#connection?.toControl(message);
  }

  async #report(): Promise<void> {
    if (!this.#welcomed || !this.#core) return;
    const engine = this.#host.agentEngine(this.actor);
    const stacks = await engine.stacks().catch(() => null);
    if (stacks) this.#send({ type: 'inventory', stacks });
  }
}
