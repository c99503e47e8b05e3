import { createHash, timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import { type AddressInfo, BlockList, isIP } from 'node:net';
import { z } from 'zod';
import type { Address } from '../schema/address.ts';
import { limits } from '../schema/limits.ts';
import { type Metric, metricsContentType, metricsText } from '../schema/metrics-text.ts';
import { sharedCheck } from './shared-check.ts';

/** What a relay or agent shows to its operator and to monitoring. */
export interface Observed {
  /** What it waits for before it can work; empty if it is ready. */
  waitingFor(): Promise<string[]>;
  metrics(): Metric[] | Promise<Metric[]>;
  /** The JSON of further pages, by path. */
  pages?: Record<string, () => unknown>;
}

export interface ObservePage {
  port: number;
  close(): Promise<void>;
}

/** The token of a page that other machines reach; short ones could be guessed. */
export const metricsToken = z.string().min(limits.observe.tokenCharsMin).max(limits.observe.tokenCharsMax);

/** Says why this page must not be opened; null if it may. */
export function whyNotOpened(listen: Address, token: string | null): string | null {
  return isLoopback(listen.host) || token !== null
    ? null
    : `${listen.host} can be reached from other machines: set STACKFERRY_METRICS_TOKEN, or use 127.0.0.1`;
}

/**
 * Serves `GET /healthz`, `/readyz` and `/metrics`. On a loopback address anyone on this machine may read them; on any other
 * address each request needs the token. Counts and states only: no ids, names, addresses or secrets. Throws if it cannot
 * listen.
 */
export async function openObservePage(options: {
  listen: Address;
  token: string | null;
  observed: Observed;
}): Promise<ObservePage> {
  const { listen, token, observed } = options;
  const why = whyNotOpened(listen, token);
  if (why) throw new Error(why);
  const answerTo = answers(observed);
  const open = isLoopback(listen.host);
  const server = http.createServer({ requestTimeout: limits.observe.requestMsMax }, async (request, response) => {
    const allowed = open || bears(request.headers.authorization, token);
    const answer = allowed ? answerTo(request) : json(401, { code: 'unauthorized' });
    const { status, type, text } = await Promise.resolve(answer).catch(() => json(500, { code: 'internal' }));
    const challenge = status === 401 ? { 'www-authenticate': 'Bearer realm="stackferry"' } : {};
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...challenge });
    response.end(text);
  });
  server.maxConnections = limits.observe.connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen.port, listen.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  status: number;
  type: string;
  text: string;
}

const json = (status: number, body: unknown): Answer => ({
  status,
  type: 'application/json',
  text: `${JSON.stringify(body)}\n`,
});

function answers({ waitingFor, metrics, pages = {} }: Observed): (request: http.IncomingMessage) => Promise<Answer> {
  const ready = sharedCheck(waitingFor, limits.observe.readyKeepMs, () => performance.now());
  return async ({ method, url = '' }) => {
    if (method !== 'GET') return json(404, { code: 'not_found' });
    if (url === '/healthz') return json(200, { status: 'ok' });
    if (url === '/metrics') return { status: 200, type: metricsContentType, text: metricsText(await metrics()) };
    if (url === '/readyz') {
      const waiting_for = await ready().catch(() => ['internal']);
      return waiting_for.length === 0
        ? json(200, { status: 'ready' })
        : json(503, { status: 'not_ready', waiting_for });
    }
    const page = Object.hasOwn(pages, url) ? pages[url]?.() : undefined;
    return page === undefined ? json(404, { code: 'not_found' }) : json(200, page);
  };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** Compares digests: their comparison takes the same time whatever was sent. */
function bears(header: string | undefined, token: string | null): boolean {
  const sent = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
  return sent !== undefined && token !== null && timingSafeEqual(digest(sent), digest(token));
}

const digest = (text: string) => createHash('sha256').update(text).digest();
