import { realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorMessageOf } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { type AgentConfig, advertisedOf, agentUsage, parseAgentConfig, UsageError } from './config.ts';
import { openControlLink } from './control-link.ts';
import { openAgentCore } from './core.ts';
import { nodeDisk } from './disk.ts';
import { keepDiskReserve } from './disk-reserve.ts';
import type { Engine } from './engine/engine.ts';
import { openEngine } from './engine-choice.ts';
import { startHostReports } from './host-report.ts';
import { keepRenewed, openIdentityPatiently } from './identity-renewal.ts';
import { createLeaseGuard } from './lease-guard-start.ts';
import { createLog, type Log, tell } from './log.ts';
import { openDirectDoor } from './transfer/direct-door.ts';
import { lanesOver, relayDialer } from './transfer/lanes.ts';
import { pingRelay } from './transfer/relay-admission.ts';
import { createThrottles } from './transfer/throttle.ts';
import { agentVersion } from './version.ts';

export interface RunningAgent {
  id: string;
  name: string;
  /** Resolves with the first welcome. */
  connected: Promise<void>;
  /** Resolves when the control plane has removed this host; the agent is closed by then. */
  refused: Promise<void>;
  /**
   * Ends it. Commands start again with the next agent. What runs under a lease is stopped: no agent may come to renew it.
   * All other containers run on.
   */
  close(): Promise<void>;
}

/**
 * Starts an agent: identity, journal and ledger from the state directory, the engine, then the link to the control
 * plane. Throws what `openIdentity` throws, and the engine's faults.
 */
export async function runAgent(
  config: AgentConfig,
  options: { log?: Log; openEngine?: (config: AgentConfig, log: Log) => Promise<Engine> } = {},
): Promise<RunningAgent> {
  const log = options.log ?? createLog();
  if (config.joinToken) log.secret(config.joinToken);
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  const keeper = await openIdentityPatiently({ ...config, kind: 'host' }, log);
  const engine = await (options.openEngine ?? openEngine)(config, log);

  const welcomed = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<void>();

  const door = config.direct ? await openDirectDoor(config.direct.listen) : null;
  const throttles = createThrottles(config.bandwidthLimit);
  const core = await openAgentCore({
    stateDir: config.stateDir,
    engine,
    control: {
      ask: (kind, payload, signal) => link.ask(kind, payload, signal),
      report: (message) => link.report(message),
      sendResult: (id, outcome) => link.sendResult(id, outcome),
    },
    lanes: lanesOver(
      relayDialer({
        identity: keeper.identity,
        ticket: async (ask, signal) => {
          const answer = await link.ask('ticket', ask, signal);
          log.secret(answer.ticket);
          throttles.setLimit(ask.migration_id, answer.bandwidth_limit);
          return answer;
        },
        door,
        onDirectFault: ({ host, port }, error) =>
          log.warn(`no way straight to ${host}:${port}, so through the relay`, { error }),
      }),
      throttles,
    ),
    throttles,
    pingRelay: (relay, signal) => pingRelay(keeper.identity(), relay, signal),
    guard: createLeaseGuard(config),
    disk: await keepDiskReserve(nodeDisk, config.stateDir, log),
    log,
  });

  const renewal = keepRenewed(keeper, log);
  const link = openControlLink({
    controlUrl: config.controlUrl,
    agentVersion,
    address: config.direct && door ? advertisedOf(config.direct, door.port) : null,
    token: renewal.freshToken,
    owedResults: core.owed,
    onWelcome: () => {
      welcomed.resolve();
      reports.now();
    },
    onCommand: core.receive,
    onRequest: core.answer,
    onResultAck: core.acknowledge,
    onRevoked: () => {},
    onRefused: (error) => {
      log.error(`this host was removed from the fleet: ${error.message}`);
      refused.resolve();
    },
    log,
  });
  const reports = startHostReports({ engine, link, leftovers: core.leftovers, log });
  core.resumeLeases();

  let closed: Promise<void> | null = null;
  const close = async () => {
    renewal.close();
    reports.close();
    await core.close();
    await link.close();
    await door?.close();
    await engine.close();
  };
  const { id } = keeper.identity();
  return {
    id,
    name: keeper.name,
    connected: welcomed.promise,
    refused: refused.promise,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/** The command line: runs until SIGTERM or SIGINT, or until the host is removed from the fleet. Resolves to the exit code. */
export async function agentCommand(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  let agent: RunningAgent;
  try {
    const config = parseAgentConfig(argv, env);
    agent = await runAgent(config);
    void agent.connected.then(() =>
      tell(`host ${agent.name} (${agent.id}) is connected to ${config.controlUrl}`, 'stdout'),
    );
  } catch (error) {
    tell(`${errorMessageOf(error)}${error instanceof UsageError ? `\n\n${agentUsage}` : ''}`, 'stderr');
    return error instanceof UsageError ? 2 : 1;
  }
  // Each time: a second one must not cut the end short.
  const asked = new Promise<0>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve(0));
  });
  const code = await Promise.race([asked, agent.refused.then(() => 1)]);
  const guard = setTimeout(() => process.exit(code), 3 * limits.agent.closeMsMax);
  await agent.close();
  clearTimeout(guard);
  return code;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  // At once: a lane may still linger for its peer's last word, which nobody will hear.
  process.exit(await agentCommand(process.argv.slice(2)));
}
