import { createParser } from 'eventsource-parser';
import { Agent, fetch } from 'undici';
import { limits } from '../schema/limits.ts';

/** A problem the API answered with (RFC 9457); branch on `code`. */
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

export interface ApiClient {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  delete(path: string): Promise<void>;
  /** Events of a migration until it has ended and nothing goes on, resumed whenever the stream closes. */
  follow(migrationId: string): AsyncGenerator<ServerEvent>;
}

/** Paths are below `/api/v1`. Throws ApiProblem for answers that are not 2xx. */
export function apiClient(url: string, token: string): ApiClient {
  const dispatcher = new Agent({ headersTimeout: limits.cli.requestMsMax, bodyTimeout: limits.cli.requestMsMax });
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(new URL(`/api/v1${path}`, url), {
      method,
      dispatcher,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) return response;
    throw new ApiProblem(response.status, (await response.json().catch(() => ({}))) as Record<string, unknown>);
  };
  return {
    get: async <T>(path: string) => (await (await call('GET', path)).json()) as T,
    post: async <T>(path: string, body: unknown = {}) => (await (await call('POST', path, body)).json()) as T,
    delete: async (path) => {
      await (await call('DELETE', path)).body?.cancel();
    },
    async *follow(migrationId) {
      let last: string | null = null;
      let status = '';
      // A completed migration may have gone on to a rollback, so only the stream's own end tells that this was the last.
      while (!endings.has(status)) {
        const response = await call('GET', `/migrations/${migrationId}/events`, undefined, {
          accept: 'text/event-stream',
          ...(last ? { 'last-event-id': last } : {}),
        });
        if (response.status === 204) return;
        for await (const event of serverEvents(response.body as AsyncIterable<Uint8Array>)) {
          last = event.id ?? last;
          if (event.kind === 'status') status = String(event.data.to);
          yield event;
        }
      }
    },
  };
}

const endings = new Set(['completed', 'failed', 'cancelled', 'rolled_back']);

async function* serverEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const ready: ServerEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => ready.push({ id: id ?? null, kind: event ?? 'message', data: JSON.parse(data) }),
  });
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    yield* ready.splice(0);
  }
}
