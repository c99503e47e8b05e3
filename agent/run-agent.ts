import { mkdir } from 'node:fs/promises';
import { type ControlLink, openControlLink } from '../node/control-link.ts';
import { keepHealthFile } from '../node/health-file.ts';
import { keepRenewed, openIdentityPatiently } from '../node/identity-renewal.ts';
import { createLog, type Log, tell } from '../node/log.ts';
import { createThrottles } from '../node/throttle.ts';
import { agentVersion } from '../node/version.ts';
import { errorMessageOf } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { openAgentPage } from './agent-page.ts';
import { type AgentConfig, advertisedOf, agentUsage, parseAgentConfig, UsageError } from './config.ts';
import { openAgentCore } from './core.ts';
import { nodeDisk } from './disk.ts';
import { keepDiskReserve } from './disk-reserve.ts';
import type { Engine } from './engine/engine.ts';
import { openEngine } from './engine-choice.ts';
import { forwardsHere } from './forward/firewall.ts';
import { createHolderClient } from './forward/holder-client.ts';
import { holderStarter } from './forward/holder-start.ts';
import { createForwardKeeper } from './forward/keeper.ts';
import { startHostReports } from './host-report.ts';
import { createLeaseGuard } from './lease/guard-start.ts';
import { createHostNames } from './names/host-names.ts';
import { tokenIn } from './names/token-file.ts';
import { openLanes } from './open-lanes.ts';
import { fixedDoor, passingDoor } from './transfer/direct-door.ts';
import { openDirectListener } from './transfer/direct-listener.ts';
import { pingRelay } from './transfer/relay-admission.ts';
import { explainEnd, openOwnProgram } from './upgrade/own-program.ts';

export interface RunningAgent {
  id: string;
  name: string;
  /** Resolves with the first welcome. */
  connected: Promise<void>;
  /** True if the control plane has welcomed the current connection. */
  isConnected(): boolean;
  /** Resolves once the control plane has removed this host; the link is closed by then. */
  refused: Promise<void>;
  /** Resolves once another program is to take this one's place: end, and be started again. */
  replaced: Promise<void>;
  /**
   * Stops the agent. The next start runs interrupted commands again. Containers under a lease are stopped, since no
   * other agent may come to renew it; all others keep running.
   */
  close(): Promise<void>;
}

/**
 * Starts an agent: identity, journal and ledger from the state directory, the engine, then the link to the control
 * plane. Throws what `openIdentity` throws, and engine errors.
 */
export async function runAgent(
  config: AgentConfig,
  options: { log?: Log; openEngine?: (config: AgentConfig, log: Log) => Promise<Engine> } = {},
): Promise<RunningAgent> {
  const log = options.log ?? createLog();
  for (const secret of [config.joinToken, config.metricsToken]) if (secret) log.secret(secret);
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  // First, so that a host where the engine can't work, or a port is taken, does not spend its join token.
  const engine = await (options.openEngine ?? openEngine)(config, log);
  const page = await openAgentPage(config).catch(async (error) => {
    await engine.close();
    throw error;
  });
  const keeper = await openIdentityPatiently({ ...config, kind: 'host' }, log).catch(async (error) => {
    await page.close();
    await engine.close();
    throw error;
  });

  const welcomed = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<void>();

  const own = await openOwnProgram(config, log);
  const listener = config.direct ? await openDirectListener(config.direct.listen) : null;
  const onDoorFault = (error: unknown) =>
    log.warn('no port for direct transfers could be opened, using the relay', { error });
  const door = listener ? fixedDoor(listener) : config.opensPort ? passingDoor(onDoorFault) : null;
  const throttles = createThrottles(config.bandwidthLimit);
  const ask: ControlLink['ask'] = (kind, payload, signal) => link.ask(kind, payload, signal);
  const holder = createHolderClient({ stateDir: config.stateDir, start: holderStarter(config), log });
  const { lanes, dialer, bytes } = openLanes({ identity: keeper.identity, ask, door, throttles, log });
  const core = await openAgentCore({
    stateDir: config.stateDir,
    engine,
    control: {
      ask,
      report: (message) => link.report(message),
      sendResult: (id, outcome) => link.sendResult(id, outcome),
    },
    lanes,
    openDoor: async () => (await door?.open()) ?? [],
    openForward: (ledger) => createForwardKeeper({ ledger, dialer, log, holder }),
    ...(config.engine.kind === 'docker' ? { forwardsHere } : {}),
    names: createHostNames({ token: tokenIn(config.cloudflareTokenFile, log), addresses: config.publicAddresses }),
    throttles,
    pingRelay: (relay, signal) => pingRelay(keeper.identity(), relay, signal),
    upgrade: own.upgrade,
    guard: createLeaseGuard(config),
    disk: await keepDiskReserve(nodeDisk, config.stateDir, log),
    log,
  });

  const renewal = keepRenewed(keeper, log);
  let welcomes = 0;
  const link = openControlLink({
    controlUrl: config.controlUrl,
    agentVersion,
    program: own.said,
    address: config.direct && listener ? advertisedOf(config.direct, listener.port) : null,
    token: renewal.freshToken,
    owedResults: core.owed,
    idle: core.idle,
    onWelcome: () => {
      welcomes += 1;
      welcomed.resolve();
      own.cameOnline();
      reports.now();
    },
    onCommand: (command) => {
      reports.stir();
      core.receive(command);
    },
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
  core.resume();
  page.show({
    engine,
    connected: () => link.ready(),
    welcomes: () => welcomes,
    commands: core.commandCounts,
    bytes,
    reportFaults: reports.faults,
    leaseMsLeft: core.leaseMsLeft,
    traffic: core.traffic,
  });

  let closed: Promise<void> | null = null;
  const close = async () => {
    await page.close();
    renewal.close();
    reports.close();
    await core.close();
    lanes.hangUp(null);
    await link.close();
    await door?.close();
    await engine.close();
  };
  const { id } = keeper.identity();
  return {
    id,
    name: keeper.name,
    connected: welcomed.promise,
    isConnected: () => link.ready(),
    refused: refused.promise,
    replaced: own.replaced,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/**
 * Runs the agent until SIGTERM or SIGINT, until the host is removed from the fleet, or until an upgrade replaces it.
 * Resolves to the exit code.
 */
export async function agentCommand(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    tell(agentUsage, 'stdout');
    return 0;
  }
  if (argv[0] === '--version') {
    tell(agentVersion, 'stdout');
    return 0;
  }
  let agent: RunningAgent;
  try {
    const config = parseAgentConfig(argv, env);
    agent = await runAgent(config).catch(async (error) => {
      await explainEnd(config, errorMessageOf(error));
      throw error;
    });
    keepHealthFile(env.STACKFERRY_HEALTH_FILE, agent.isConnected);
    void agent.connected.then(() =>
      tell(`host ${agent.name} (${agent.id}) is connected to ${config.controlUrl}`, 'stdout'),
    );
  } catch (error) {
    tell(`${errorMessageOf(error)}${error instanceof UsageError ? `\n\n${agentUsage}` : ''}`, 'stderr');
    return error instanceof UsageError ? 2 : 1;
  }
  // `on`, not `once`: a second signal must not cut the shutdown short.
  const asked = new Promise<0>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve(0));
  });
  const code = await Promise.race([asked, agent.replaced.then(() => 0), agent.refused.then(() => 1)]);
  const guard = setTimeout(() => process.exit(code), 3 * limits.agent.closeMsMax);
  await agent.close();
  clearTimeout(guard);
  return code;
}
