import net from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { connectTo } from '../../agent/forward/connect-to.ts';
import type { ConnectionHolder } from '../../agent/forward/connection-holder.ts';
import { openForwarding } from '../../agent/forward/forwarding.ts';
import type { ConnectOn } from '../../agent/forward/holder.ts';
import { createHolderClient, type HolderClientOptions } from '../../agent/forward/holder-client.ts';
import { type HolderServer, type HolderServerOptions, openHolderServer } from '../../agent/forward/holder-server.ts';
import type { Redirect } from '../../agent/forward/published-port.ts';
import type { Firewall } from '../../agent/forward/rules.ts';
import { createLog } from '../../node/log.ts';
import { temporaryDirectory } from '../agent/temporary.ts';
import { tcp } from './ports.ts';

export const migration = 'mig_01kbabcdef0123456789abcdef';
export const ports = [tcp(1)];
export const later = () => Date.now() + 60_000;

/** A host whose firewall is a set of names; holders and agents come and go on it. Clients connect to listeners. */
export async function makeHolderHost(bounds: HolderServerOptions['bounds'] = {}, dir?: string) {
  const stateDir = dir ?? (await temporaryDirectory());
  const rules = new Set<string>();
  const redirected = new Set<string>();
  const failing = new Set<string>();
  const firewall: Firewall = {
    kind: 'nft',
    protect: async (name) => {
      if (failing.has('protect')) throw new Error('the firewall fails');
      rules.add(name);
    },
    redirect: async (name) => void redirected.add(name),
    stands: async (name) => rules.has(name) && redirected.has(name),
    unredirect: async (name) => void redirected.delete(name),
    remove: async (name) => void rules.delete(name),
    found: async () => [...rules],
  };
  const log = createLog(() => {});
  const holders: HolderServer[] = [];
  const agents: ConnectionHolder[] = [];
  const serve = async (more: Partial<HolderServerOptions> = {}) => {
    const server = await openHolderServer({
      stateDir,
      open: (options) => openForwarding({ ...options, firewall, families: [4], lingerMs: 20 }),
      log,
      bounds: { holderTickMs: 20, ...bounds },
      ...more,
    });
    if (server) holders.push(server);
    return server;
  };
  const agent = (more: Partial<HolderClientOptions> = {}) => {
    const start = async () => void (await serve());
    const client = createHolderClient({ stateDir, start, log, ...more });
    agents.push(client);
    return client;
  };
  onTestFinished(async () => {
    for (const client of agents) client.close();
    await Promise.all(holders.map((holder) => holder.end('the test is over')));
  });
  const open = (client: ConnectionHolder, earlier: Redirect[] = []) =>
    client.open({ migrationId: migration, ports, earlier, log });
  return {
    ...{ stateDir, rules, redirected, failing, holders, serve, agent, open, log },
    socket: join(stateDir, 'connection-holder.sock'),
  };
}

/** A client of a listener. */
export function connectClient(port: number): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  void endOf(socket);
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** An app that echoes; returns the way to it, and how each of its connections ended. */
export async function echoApp() {
  const ends: string[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', ({ code }: NodeJS.ErrnoException) => void ends.push(code ?? ''));
    socket.on('end', () => ends.push('end'));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as net.AddressInfo;
  const connect: ConnectOn = (_connection, signal) => connectTo(tcp(port, '127.0.0.1'), signal);
  return { connect, ends };
}

const ends = new WeakMap<net.Socket, Promise<string>>();

/** How a connection ended for the client, which may not have listened then. */
export function endOf(socket: net.Socket): Promise<string> {
  const known = ends.get(socket);
  if (known) socket.resume();
  const end =
    known ??
    new Promise<string>((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      socket.on('end', () => {
        socket.end();
        resolve('end');
      });
    });
  ends.set(socket, end);
  return end;
}
