import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Address } from '../../schema/address.ts';
import { limits } from '../../schema/limits.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { type FrontRules, forwarded } from './front-headers.ts';
import type { Certificate } from './settings.ts';

export interface FrontOptions extends FrontRules {
  listen: Address;
  /** workerd's loopback address; null until it listens. */
  backend: () => Address | null;
  tls: Certificate | null;
}

export interface Front {
  renew(certificate: Certificate): void;
  /** Stops accepting, gives running requests `stopMsMax` to finish, then closes all connections. */
  close(): Promise<void>;
}

/**
 * Opens the server of `serve` that the network reaches. workerd itself listens on loopback: it would trust any client's
 * claim about its address, and it serves development paths.
 */
export async function openFront(options: FrontOptions): Promise<Front> {
  const running = new Set<ServerResponse>();
  const endless = new Set<Writable>();
  const agent = new Agent({ keepAlive: true });
  const onRequest = (incoming: IncomingMessage, answer: ServerResponse) => {
    running.add(answer);
    answer.once('close', () => running.delete(answer));
    void relayRequest(options, agent, incoming, answer, endless);
  };
  const server: Server | TlsServer = options.tls ? createTlsServer(options.tls, onRequest) : createServer(onRequest);
  server.keepAliveTimeout = limits.serve.keepAliveMs;
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    endless.add(socket);
    socket.once('close', () => endless.delete(socket));
    relayUpgrade(options, incoming, socket, head);
  });
  server.on('clientError', (_error, socket: Duplex) => void socket.destroy());
  await listen(server, options.listen);
  return {
    renew: (certificate) => (server as TlsServer).setSecureContext?.(certificate),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const bound = setTimeout(() => server.closeAllConnections(), limits.serve.stopMsMax);
      await Promise.all(
        [...running]
          .filter((answer) => !endless.has(answer))
          .map((answer) => new Promise((ended) => answer.once('close', ended))),
      );
      clearTimeout(bound);
      for (const stream of endless) stream.destroy();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

async function relayRequest(
  options: FrontOptions,
  agent: Agent,
  incoming: IncomingMessage,
  answer: ServerResponse,
  endless: Set<Writable>,
): Promise<void> {
  const { rawHeaders, url = '/', method = 'GET', socket } = incoming;
  const passed = forwarded(arrived(rawHeaders, url, socket), options);
  if (!passed) return void answer.writeHead(404).end();
  const backend = options.backend();
  if (!backend) return unavailable(answer);
  const onward = request({ ...backend, agent, method, path: passed.path, headers: passed.headers });
  answer.once('close', () => onward.destroy());
  const got = new Promise<IncomingMessage>((resolve, reject) => onward.once('response', resolve).once('error', reject));
  // Not awaited: the response may come before the whole request is sent. A failure here fails the response too.
  pipeline(incoming, onward).catch(() => {});
  try {
    const response = await got;
    // Only its reader ends an event stream, so `close` must not wait for it.
    if (/^text\/event-stream/.test(response.headers['content-type'] ?? '')) endless.add(answer);
    answer.once('close', () => endless.delete(answer));
    answer.writeHead(response.statusCode ?? 502, response.statusMessage, withoutHopByHop(response.rawHeaders));
    await pipeline(response, answer);
  } catch {
    if (answer.headersSent) answer.destroy();
    else unavailable(answer);
  }
}

function relayUpgrade(options: FrontOptions, incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { rawHeaders, url = '/', method = 'GET', headers } = incoming;
  const passed = forwarded(arrived(rawHeaders, url, incoming.socket), options);
  if (!passed) return void socket.end(bare('404 Not Found'));
  const backend = options.backend();
  if (!backend) return void socket.end(bare('503 Service Unavailable'));
  const onward = request({
    ...backend,
    method,
    path: passed.path,
    headers: [...passed.headers, 'connection', 'upgrade', 'upgrade', headers.upgrade ?? ''],
  });
  socket.on('error', () => onward.destroy());
  socket.once('close', () => onward.destroy());
  onward.on('error', () => socket.destroy());
  onward.once('upgrade', (response, back, backHead) => {
    socket.write(`${statusLine(response)}${lines(response.rawHeaders)}\r\n`);
    (socket as Socket).setNoDelay?.(true);
    back.setNoDelay(true);
    if (head.length > 0) back.write(head);
    if (backHead.length > 0) socket.write(backHead);
    back.on('error', () => socket.destroy()).once('close', () => socket.destroy());
    socket.once('close', () => back.destroy());
    socket.pipe(back).pipe(socket);
  });
  onward.once('response', (response) => {
    socket.write(`${statusLine(response)}connection: close\r\n${lines(withoutHopByHop(response.rawHeaders))}\r\n`);
    response.pipe(socket);
  });
  onward.end();
}

const arrived = (rawHeaders: string[], target: string, socket: Socket & { encrypted?: boolean }) => ({
  rawHeaders,
  target,
  peer: socket.remoteAddress ?? '',
  encrypted: socket.encrypted === true,
});

function unavailable(answer: ServerResponse): void {
  const problem = { type: 'about:blank', title: 'Unavailable', status: 503, code: 'control_unavailable' };
  answer.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '2' });
  answer.end(JSON.stringify({ ...problem, detail: 'The control plane is not there; try again in a moment.' }));
}

const bare = (status: string) => `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`;
const statusLine = ({ statusCode, statusMessage }: IncomingMessage) => `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;

function lines(raw: string[]): string {
  return Array.from({ length: raw.length / 2 }, (_, at) => `${raw[2 * at]}: ${raw[2 * at + 1]}\r\n`).join('');
}

function withoutHopByHop(raw: string[]): string[] {
  return raw.filter((_, at) => !/^(connection|keep-alive|transfer-encoding)$/i.test(raw[at - (at % 2)]!));
}

async function listen(server: Server | TlsServer, { host, port }: Address): Promise<void> {
  const listening = new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
  server.listen(port, host);
  await listening.catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(error, '--listen', { host, port });
  });
}

/** Returns the error for an address of `--listen` or `--relay-listen` that cannot be used. */
export function cannotListen(
  { code, message }: NodeJS.ErrnoException,
  flag: string,
  { host, port }: Address,
): CliError {
  const why: Record<string, [string, string]> = {
    EADDRINUSE: ['Something else listens there already.', `Stop it, or choose another port: ${flag} HOST:PORT`],
    EADDRNOTAVAIL: ['That is not an address of this machine.', `Name one of its own, or 0.0.0.0: ${flag} HOST:PORT`],
    EACCES: ['This user may not take that port.', `Choose one above 1023: ${flag} HOST:PORT`],
    ENOTFOUND: ['That name is not known.', `Name an address: ${flag} HOST:PORT`],
  };
  const [reason, next] = why[code ?? ''] ?? [message, `Choose another: ${flag} HOST:PORT`];
  return new CliError(
    code === 'EADDRINUSE' ? 'port_taken' : 'cannot_listen',
    `${flag} ${host}:${port} cannot be listened on. ${reason}`,
    exitCodes.failure,
    [next],
  );
}
