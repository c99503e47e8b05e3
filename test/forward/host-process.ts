import net from 'node:net';
import type { HeldForwarding } from '../../agent/forward/connection-holder.ts';
import { Datagrams } from '../../agent/forward/datagrams.ts';
import { chooseFirewall, forwardsHere, hostFamilies, sweepRules } from '../../agent/forward/firewall.ts';
import { type Forwarding, openForwarding } from '../../agent/forward/forwarding.ts';
import { createHolderClient } from '../../agent/forward/holder-client.ts';
import { holderStarter } from '../../agent/forward/holder-start.ts';
import type { Redirect } from '../../agent/forward/published-port.ts';
import { ruleName } from '../../agent/forward/rules.ts';
import { runRulesProgram } from '../../agent/forward/rules-program.ts';
import { openTunnelSource } from '../../agent/forward/tunnel-source.ts';
import { keepTunnelTarget } from '../../agent/forward/tunnel-target.ts';
import { startInnerTls } from '../../agent/transfer/inner-tls.ts';
import { createLog } from '../../node/log.ts';
import type { Identity } from '../../node/peer-identity.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { tcp } from './ports.ts';

/** The forwarding part of an agent, in a network namespace of its own; a test calls it over the IPC channel. */
const log = createLog();
const over = new AbortController();
let forwarding: Forwarding | undefined;
let held: HeldForwarding | undefined;
let datagrams: Datagrams | undefined;
let letGo = async (): Promise<void> => {
  throw new Error('nothing is taken up');
};
const inHolder = (): HeldForwarding => {
  if (!held) throw new Error('nothing is taken up');
  return held;
};
const open = (): Forwarding => {
  if (!forwarding) throw new Error('nothing is open');
  return forwarding;
};

/** To a target that serves there. */
const tunnelTo = (identity: Identity, target: { host: string; port: number }, proxied: string[] = []) =>
  openTunnelSource(
    {
      dial: async (signal) => {
        const socket = net.connect({ ...target, noDelay: true });
        return await startInnerTls(socket, identity, 'source', 'target', signal);
      },
      onInterrupted: (error) => log.warn('tunnel', { error }),
      signal: over.signal,
    },
    new Set(proxied),
  );

export const hostCalls = {
  /** Returns the kind of the firewall, and the listeners. */
  open: async (
    migrationId: string,
    ports: ForwardedPort[],
    more: { holdMsMax?: number; earlier?: Redirect[] } = {},
  ) => {
    const firewall = await chooseFirewall();
    const { earlier = [], ...bounds } = more;
    forwarding = await openForwarding({
      ...{ migrationId, ports, firewall, families: hostFamilies(), log, earlier, bounds },
      lingerMs: 2_000,
    });
    return { kind: firewall.kind, redirects: forwarding.redirects };
  },
  hold: () => open().hold(),
  /** `proxied`: names of ports that get a PROXY header. */
  forward: async (identity: Identity, target: { host: string; port: number }, proxied: string[] = []) => {
    open().forward(tunnelTo(identity, target, proxied).connect);
  },
  passDatagrams: async (identity: Identity, target: { host: string; port: number }, ports: ForwardedPort[]) => {
    datagrams = new Datagrams(ports, tunnelTo(identity, target).connect, log);
  },
  freePorts: async () => datagrams?.close(),
  mend: () => open().mend(),
  release: () => open().release(),
  end: () => open().end(),
  counts: async () => open().counts(),
  traffic: async () => open().traffic(),
  /** As an agent: in a holder of its own, which is started unless it runs. Holds. */
  takeUp: async (stateDir: string, migrationId: string, ports: ForwardedPort[], earlier: Redirect[] = []) => {
    const start = holderStarter({ stateDir, engine: { kind: 'embedded', root: stateDir } });
    const holder = createHolderClient({ stateDir, start, log });
    held = await holder.open({ migrationId, ports, earlier, log });
    letGo = () => holder.release(migrationId);
    await held.hold(Date.now() + 600_000);
    return held.redirects;
  },
  passOn: (identity: Identity, target: { host: string; port: number }) =>
    inHolder().forward(tunnelTo(identity, target).connect),
  letGo: () => letGo(),
  /** What `mend` does, as often as that. */
  remakeRules: async (migrationId: string, times: number) => {
    const firewall = await chooseFirewall();
    for (let made = 0; made < times; made += 1) {
      await firewall.protect(ruleName(migrationId), open().redirects);
      await firewall.redirect(ruleName(migrationId), open().redirects);
    }
  },
  holds: () => inHolder().traffic(),
  /** As an agent that does not run as root; returns why nothing can be held. */
  tryWithoutRight: async () => {
    process.setuid?.(65_534);
    const protectedBy = async () =>
      (await chooseFirewall()).protect('STACKFERRY-test', [{ ...tcp(8080), listener: 40_000 }]);
    return await protectedBy().then(() => 'it could', String);
  },
  /** Holds on a host that refuses the redirection of IPv6; returns the error. */
  holdWithoutIpv6: async () => {
    const firewall = await chooseFirewall(async (program, args, input) => {
      if (program.startsWith('ip6tables') && input?.includes('REDIRECT')) throw new Error('refused');
      return await runRulesProgram(program, args, input);
    });
    const redirects = [{ ...tcp(8080), listener: 40_000 }];
    await firewall.protect('STACKFERRY-test', redirects);
    return await firewall.redirect('STACKFERRY-test', redirects).then(() => 'it could', String);
  },
  /** What the pre-flight is told. */
  forwardsHere: () => forwardsHere(),
  sweep: (stays: string[] = []) => sweepRules((name) => stays.includes(name)),
  /** The target's end, on a port of its own. */
  serve: async (identity: Identity, port: number, ports: ForwardedPort[]) => {
    const arrived: net.Socket[] = [];
    let wanted: ((socket: net.Socket) => void) | null = null;
    const server = net.createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {});
      if (wanted) wanted(socket);
      else arrived.push(socket);
    });
    await new Promise<void>((resolve) => server.listen(port, resolve));
    const next = () =>
      new Promise<net.Socket>((resolve) => {
        const waiting = arrived.shift();
        if (waiting) return resolve(waiting);
        wanted = (socket) => {
          wanted = null;
          resolve(socket);
        };
      });
    const link = {
      dial: async (signal: AbortSignal) => await startInnerTls(await next(), identity, 'target', 'source', signal),
      onInterrupted: (error: unknown) => log.warn('tunnel', { error }),
      signal: over.signal,
    };
    void keepTunnelTarget(link, { ports, log });
  },
} satisfies Record<string, (...args: never[]) => Promise<unknown>>;
export type HostCalls = typeof hostCalls;

process.on('message', async ({ id, name, args }: { id: number; name: keyof HostCalls; args: never[] }) => {
  try {
    const call = hostCalls[name] as (...args: never[]) => Promise<unknown>;
    process.send?.({ id, value: (await call(...args)) ?? null });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
process.on('disconnect', () => process.exit(0));
