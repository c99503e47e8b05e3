import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { Agent, fetch } from 'undici';
import type { z } from 'zod';
import { limits } from '../schema/limits.ts';
import { NoAnswer, unreachable } from './no-answer.ts';

/** An error answer of the API (RFC 9457); branch on `code`. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: Record<string, unknown>;

  constructor(status: number, body: Record<string, unknown>) {
    super(typeof body.detail === 'string' ? body.detail : `The control plane answered ${status}.`);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = typeof body.code === 'string' ? body.code : 'unknown';
    this.body = body;
  }
}

export interface ServerEvent {
  id: string | null;
  kind: string;
  data: Record<string, unknown>;
}

/** Answers are validated if a schema is given, but returned whole. */
export interface ApiClient {
  get<T>(path: string, schema?: z.ZodType<T>): Promise<T>;
  /** Takes effect once, even if the connection breaks before the answer: retries use one idempotency key. */
  post<T>(path: string, body?: unknown, schema?: z.ZodType<T>): Promise<T>;
  patch<T>(path: string, body: unknown, schema?: z.ZodType<T>): Promise<T>;
  delete(path: string): Promise<void>;
  /**
   * Yields events of a migration until it has ended. Resumes a stream that closes or breaks; throws NoAnswer after an
   * outage of `awayMsMax`.
   */
  follow(migrationId: string, options?: FollowOptions): AsyncGenerator<ServerEvent>;
}

export interface FollowOptions {
  signal?: AbortSignal;
  /** Called when the stream broke and is retried. */
  onAway?: (error: Error) => void;
}

export interface ApiClientOptions {
  /** Applied to every text of an answer. */
  readText?: (text: string) => string;
}

/** Paths are below `/api/v1`. Throws ApiProblem for answers that are not 2xx, NoAnswer if there is no usable answer. */
export function apiClient(url: string, token: string, { readText = (text) => text }: ApiClientOptions = {}): ApiClient {
  const dispatcher = new Agent({ headersTimeout: limits.cli.requestMsMax, bodyTimeout: limits.cli.requestMsMax });
  const parse = (text: string) =>
    JSON.parse(text, (_, value) => (typeof value === 'string' ? readText(value) : value)) as Record<string, unknown>;

  const call = async (method: string, path: string, { headers = {}, body, signal }: CallOptions = {}) => {
    const response = await fetch(new URL(`/api/v1${path}`, url), {
      method,
      dispatcher,
      signal: signal ?? null,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { body }),
    }).catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw unreachable(`${url} does not answer`, cause);
    });
    if (response.ok) return response;
    const text = await response.text().catch(() => '');
    throw new ApiProblem(response.status, isJson(response.headers) ? parse(text) : {});
  };

  const read = async <T>(response: Awaited<ReturnType<typeof call>>, schema?: z.ZodType<T>): Promise<T> => {
    if (!isJson(response.headers))
      throw new NoAnswer('unreadable', `${url} answers, but is not a Stackferry control plane.`, false);
    const text = await response.text().catch((cause: unknown) => {
      throw unreachable(`${url} broke off its answer`, cause);
    });
    const answer = parse(text);
    const checked = schema?.safeParse(answer);
    if (!checked || checked.success) return answer as T;
    const where = checked.error.issues[0]?.path.join('.') || 'its form';
    throw new NoAnswer('unreadable', `${url} answers what this version does not understand (${where}).`, false);
  };

  return {
    get: async (path, schema) => read(await call('GET', path), schema),
    post: async (path, body = {}, schema) => {
      const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
      const giveUp = Date.now() + limits.cli.awayMsMax;
      for (let sent = false; ; ) {
        try {
          return await read(await call('POST', path, { headers, body: JSON.stringify(body) }), schema);
        } catch (error) {
          sent ||= error instanceof NoAnswer && error.sent;
          const undecided = error instanceof NoAnswer || (error as ApiProblem).code === 'idempotency_in_flight';
          if (!sent || !undecided || Date.now() > giveUp) throw error;
          await sleep(limits.cli.reconnectMs);
        }
      }
    },
    patch: async (path, body, schema) => {
      const headers = { 'content-type': 'application/json' };
      return read(await call('PATCH', path, { headers, body: JSON.stringify(body) }), schema);
    },
    delete: async (path) => {
      await (await call('DELETE', path)).body?.cancel();
    },
    async *follow(migrationId, { signal, onAway } = {}) {
      let last: string | null = null;
      let status = '';
      let awaySince: number | null = null;
      // A completed migration may have gone on to a rollback, so only the stream's end shows that this status was the
      // last.
      while (!endings.has(status)) {
        try {
          const response = await call('GET', `/migrations/${migrationId}/events`, {
            headers: { accept: 'text/event-stream', ...(last ? { 'last-event-id': last } : {}) },
            ...(signal ? { signal } : {}),
          });
          if (response.status === 204) return;
          awaySince = null;
          for await (const event of serverEvents(response.body as AsyncIterable<Uint8Array>, parse)) {
            last = event.id ?? last;
            if (event.kind === 'status') status = String(event.data.to);
            yield event;
          }
        } catch (error) {
          signal?.throwIfAborted();
          awaySince ??= Date.now();
          if (!isPassing(error) || Date.now() - awaySince > limits.cli.awayMsMax) throw error;
          onAway?.(error as Error);
          await sleep(limits.cli.reconnectMs, undefined, signal ? { signal } : {});
        }
      }
    },
  };
}

/** Retries while the control plane is unreachable, for as long as `follow` does. */
export async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (const giveUp = Date.now() + limits.cli.awayMsMax; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error) || Date.now() > giveUp) throw error;
      await sleep(limits.cli.reconnectMs, undefined, { signal });
    }
  }
}

/** True for errors that pass by themselves: a restart of the control plane, or rate limiting. */
function isPassing(error: unknown): boolean {
  if (error instanceof ApiProblem) return error.status >= 500 || error.status === 429;
  if (error instanceof NoAnswer) return error.kind === 'unreachable';
  return !(error instanceof SyntaxError);
}

interface CallOptions {
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

const endings = new Set(['completed', 'failed', 'cancelled', 'rolled_back']);

const isJson = (headers: { get(name: string): string | null }) => /json/.test(headers.get('content-type') ?? '');

async function* serverEvents(
  body: AsyncIterable<Uint8Array>,
  parse: (text: string) => Record<string, unknown>,
): AsyncGenerator<ServerEvent> {
  const ready: ServerEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => ready.push({ id: id ?? null, kind: event ?? 'message', data: parse(data) }),
  });
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    yield* ready.splice(0);
  }
}
