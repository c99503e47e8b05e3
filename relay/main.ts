import type { JWK } from 'jose';
import { openControlLink } from '../node/control-link.ts';
import { keepHealthFile } from '../node/health-file.ts';
import { keepRenewed, openIdentityPatiently } from '../node/identity-renewal.ts';
import { isProgram } from '../node/is-program.ts';
import { createLog, type Log, tell } from '../node/log.ts';
import { openObservePage } from '../node/observe-page.ts';
import { measureResources } from '../node/resources.ts';
import { agentVersion } from '../node/version.ts';
import { errorMessageOf, StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { type RelayConfig, readRelayConfig, relayUsage } from './config.ts';
import { type Relay, startRelay } from './listener.ts';
import { createLoadMeter } from './load.ts';
import { observedRelay } from './metrics.ts';

export interface RunningRelay {
  id: string;
  /** Null until the first welcome has brought the ticket key and the relay listens. */
  port(): number | null;
  /** Resolves once the relay was welcomed and listens. */
  connected: Promise<void>;
  /** True if the control plane has welcomed the current connection. */
  isConnected(): boolean;
  /** Resolves when the control plane has removed this relay. */
  refused: Promise<void>;
  /**
   * Before `close`: leaves the control plane, which then names other relays to hosts, and lets the transfers that run finish.
   * Takes at most `limits.relay.drainMsMax`.
   */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a relay: identity, then the link to the control plane. It listens only after the first welcome, which brings
 * the key that tickets are signed with. Throws what `openIdentity` throws.
 */
export async function runRelay(config: RelayConfig, options: { log?: Log } = {}): Promise<RunningRelay> {
  const log = options.log ?? createLog();
  for (const secret of [config.joinToken, config.metricsToken]) if (secret) log.secret(secret);
  let relay: Relay | null = null;
  let welcomes = 0;
  let connected = () => false;
  // First, so that a port that is taken does not cost the join token.
  const page = await openObservePage({
    listen: config.metrics,
    token: config.metricsToken,
    observed: observedRelay({
      status: () => relay?.status() ?? null,
      connected: () => connected(),
      welcomes: () => welcomes,
    }),
  });
  const joinToken = config.joinToken ?? null;
  const keeper = await openIdentityPatiently({ ...config, joinToken, kind: 'relay' }, log).catch(async (error) => {
    await page.close();
    throw error;
  });
  const listening = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<void>();
  let ticketKey: JWK | null = null;
  let revoked: ReadonlySet<string> = new Set();
  let starting: Promise<Relay> | null = null;

  const listen = async (): Promise<Relay> => {
    const started = await startRelay({
      identity: keeper.identity,
      ticketPublicJwk: () => {
        if (!ticketKey) throw new StackferryError('internal', 'The relay has no ticket key yet.');
        return ticketKey;
      },
      revoked: () => revoked,
      listen: config.listen,
      bandwidthLimit: config.bandwidthLimit,
    });
    relay = started;
    return started;
  };

  const renewal = keepRenewed(keeper, log);
  const link = openControlLink({
    controlUrl: config.controlUrl,
    agentVersion,
    address: config.advertise,
    token: renewal.freshToken,
    owedResults: () => [],
    onWelcome: (welcome) => {
      welcomes += 1;
      if (!welcome.relay) return log.error('the control plane welcomed this relay as a host');
      ticketKey = welcome.relay.ticket_key as JWK;
      const added = welcome.relay.revoked.filter((id) => !revoked.has(id));
      revoked = new Set(welcome.relay.revoked);
      for (const id of added) relay?.revoke(id);
      starting ??= listen();
      starting.then(() => listening.resolve(), listening.reject);
      report();
    },
    onRevoked: (hostId) => {
      revoked = new Set([...revoked, hostId]);
      relay?.revoke(hostId);
    },
    onCommand: ({ kind }) => log.warn(`a relay takes no commands, "${kind}" is ignored`),
    onRequest: async () => ({
      ok: false,
      error: { code: 'command_unknown', message: 'A relay answers no questions about stacks.', log_tail: [] },
    }),
    onResultAck: () => {},
    onRefused: (error) => {
      log.error(`this relay was removed from the fleet: ${error.message}`);
      refused.resolve();
    },
    log,
  });

  connected = () => link.ready();

  const load = createLoadMeter(() => relay?.status() ?? null);
  const measureAndReport = async () =>
    link.report({ type: 'metrics', resources: await measureResources(config.stateDir), load: load() });
  const report = () =>
    void measureAndReport().catch((error) => log.warn('the resources of this machine could not be read', { error }));
  const metrics = setInterval(report, limits.relay.loadIntervalMs);

  return {
    id: keeper.identity().id,
    port: () => relay?.port ?? null,
    connected: listening.promise,
    isConnected: () => link.ready(),
    refused: refused.promise,
    drain: async () => {
      await link.close();
      log.info('stopping: no new transfers', { sessions: relay?.status().sessions ?? 0 });
      await relay?.drain();
    },
    close: async () => {
      clearInterval(metrics);
      renewal.close();
      await link.close();
      await starting?.catch(() => {});
      await relay?.close();
      await page.close();
    },
  };
}

/**
 * Runs the relay until SIGTERM or SIGINT, or until it is removed. At the first signal it drains; the second one ends it at
 * once. Resolves to the exit code.
 */
export async function relayCommand(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    tell(relayUsage, 'stdout');
    return 0;
  }
  let relay: RunningRelay;
  try {
    const config = readRelayConfig(argv, env);
    relay = await runRelay(config);
    keepHealthFile(env.STACKFERRY_HEALTH_FILE, relay.isConnected);
    const stop = new Promise<0>((resolve) => {
      const signals = ['SIGTERM', 'SIGINT'] as const;
      const first = () => {
        for (const signal of signals) process.off(signal, first);
        resolve(0);
      };
      for (const signal of signals) process.on(signal, first);
    });
    const failed = relay.connected.then(
      () => {
        const { host, port } = config.advertise;
        tell(`relay ${relay.id} listens on port ${relay.port()}, reached at ${host}:${port}`, 'stdout');
        return new Promise<never>(() => {});
      },
      (error: unknown) => {
        tell(`the relay cannot listen: ${errorMessageOf(error)}`, 'stderr');
        return 1;
      },
    );
    const code = await Promise.race([stop, failed, relay.refused.then(() => 1)]);
    if (code === 0) await relay.drain();
    await relay.close();
    return code;
  } catch (error) {
    tell(errorMessageOf(error), 'stderr');
    return 1;
  }
}

if (isProgram(import.meta.filename)) {
  process.exit(await relayCommand(process.argv.slice(2)));
}
