import type { Engine } from '../../../agent/engine/engine.ts';
import { startHostReports } from '../../../agent/host-report.ts';
import { type ControlLink, openControlLink } from '../../../node/control-link.ts';
import { openIdentityPatiently } from '../../../node/identity-renewal.ts';
import { createLog } from '../../../node/log.ts';
import { agentVersion } from '../../../node/version.ts';
import { answerTo, resourcesNow, summaryOf } from './light-answers.ts';
import { createLightCommands, type Stacks } from './light-commands.ts';
import type { Meter } from './meter.ts';

export interface LightHost {
  id: string;
  connected: Promise<void>;
  isConnected(): boolean;
  close(): Promise<void>;
}

export interface LightHostOptions {
  controlUrl: string;
  stateDir: string;
  joinToken: string;
  /** Stacks that run on it from the start. */
  stacks: string[];
  meter: Meter;
}

/**
 * A host without an engine: identity, link with its pings and reconnects, and the reports of inventory and resources are
 * the agent's own; only what asks the engine is simulated. Thousands fit into one process.
 */
export async function startLightHost(options: LightHostOptions): Promise<LightHost> {
  const { controlUrl, stateDir, joinToken, meter } = options;
  // A restart of the control plane is logged by every one of them.
  const log = createLog(() => {});
  const keeper = await openIdentityPatiently({ stateDir, controlUrl, joinToken, kind: 'host' }, log);
  const { id } = keeper.identity();
  const stacks: Stacks = new Map(options.stacks.map((name) => [name, true]));
  const commands = createLightCommands(() => counted, stacks, meter);
  const welcomed = Promise.withResolvers<void>();
  const link = openControlLink({
    controlUrl,
    agentVersion,
    address: null,
    token: (clockOffsetMs) => keeper.signAgentToken(clockOffsetMs),
    owedResults: commands.owed,
    idle: commands.idle,
    onWelcome: () => {
      meter.welcomedAt.set(id, performance.now());
      // Its hello.
      meter.messages += 1;
      welcomed.resolve();
      reports.now();
    },
    onCommand: (command) => {
      reports.stir();
      commands.receive(command);
    },
    onRequest: async (question) => {
      meter.messages += 1;
      return answerTo(question, commands.stateOf);
    },
    onResultAck: commands.acknowledge,
    onRevoked: () => {},
    onRefused: (error) => void meter.faults.push(error.message),
    log,
  });
  const counted = countedLink(link, meter);
  const engine = {
    stacks: async () => [...stacks].map(([name, running]) => summaryOf(name, running)),
    resources: async () => resourcesNow(),
  } as Engine;
  const reports = startHostReports({ engine, link: counted, leftovers: () => [], log });
  return {
    id,
    connected: welcomed.promise,
    isConnected: () => link.ready(),
    close: async () => {
      reports.close();
      await link.close();
    },
  };
}

function countedLink(link: ControlLink, meter: Meter): ControlLink {
  const count = () => {
    if (link.ready()) meter.messages += 1;
  };
  return {
    ready: () => link.ready(),
    report: (message) => {
      count();
      link.report(message);
    },
    sendResult: (id, outcome) => {
      count();
      link.sendResult(id, outcome);
    },
    ask: (kind, payload, signal) => {
      count();
      return link.ask(kind, payload, signal);
    },
    close: () => link.close(),
  };
}
