import { Readable } from 'node:stream';
import { Pool } from 'undici';
import { z } from 'zod';
import { compareVersions } from '../../../schema/compare-versions.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { RegistryLogin } from '../../../schema/registry-logins.ts';
import { shortened } from '../../../schema/shortened.ts';
import type { AdoptedLabels } from './adoption/adopted-file.ts';
import { registryAuth } from './images/registry-login.ts';

/** The Docker Engine's API over its socket. Answers are validated with zod here; errors are StackferryErrors. */
export interface DockerApi {
  version: EngineVersion;
  /** Labels of adopted containers, beside those that the Engine knows. */
  adopted: AdoptedLabels;
  get<T extends z.ZodType>(path: string, answer: T, options?: CallOptions): Promise<z.infer<T>>;
  /** Like `get`, but returns null on 404. */
  find<T extends z.ZodType>(path: string, answer: T): Promise<z.infer<T> | null>;
  post<T extends z.ZodType>(path: string, body: unknown, answer: T, options?: CallOptions): Promise<z.infer<T>>;
  /** Returns false if there was nothing to delete. */
  delete(path: string): Promise<boolean>;
  /** Like `get`, for an answer that is too long to buffer. */
  download(path: string, options?: CallOptions): Promise<Readable>;
  /** Like `post`, for a streamed body; the engine may report an error in an answer with status 200. */
  upload(path: string, body: Readable, options?: CallOptions): Promise<void>;
  close(): Promise<void>;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** 0: no limit but the signal. */
  timeoutMs?: number;
  /**
   * The call lasts as long as what it waits for. Such calls have their own connections, so that they don't block
   * others.
   */
  waits?: boolean;
  /** For calls that report progress, instead of `timeoutMs`: longest silence. Only the end of a long answer is kept. */
  idleMs?: number;
  /** For the registry that the engine calls. */
  login?: RegistryLogin | undefined;
}

/** A non-2xx answer; `status` tells 404 and 409 apart. */
export class EngineAnswer extends StackferryError {
  readonly status: number;

  constructor(status: number, message: string) {
    super('engine_error', `The Docker Engine answered ${status}: ${message}`);
    this.status = status;
  }
}

const engineVersion = z.object({ Version: z.string(), ApiVersion: z.string(), Os: z.string(), Arch: z.string() });
type EngineVersion = z.infer<typeof engineVersion>;

/**
 * The API version this client is written for, and the oldest that has all it uses; an older engine is called with its
 * own version.
 */
const newestApi = '1.45';
const oldestApi = '1.41';

/** For ignored answers. */
export const nothing = z.unknown();

const noneAdopted: AdoptedLabels = async () => new Map();

/** Negotiates the API version. Throws `engine_unreachable`, or `engine_error` if the engine is too old. */
export async function openDockerApi(socketPath: string, adopted: AdoptedLabels = noneAdopted): Promise<DockerApi> {
  const poolOf = (connections: number) => new Pool('http://docker', { socketPath, connections, pipelining: 1 });
  const pool = poolOf(limits.agent.engineConnectionsMax);
  const waiting = poolOf(limits.agent.engineWaitsMax);
  let prefix = '';

  async function request(method: 'GET' | 'POST' | 'DELETE', path: string, options: CallOptions, body?: unknown) {
    const { signal, timeoutMs = limits.agent.engineRequestMsMax, idleMs, waits = false, login } = options;
    const timed = idleMs === undefined && timeoutMs > 0;
    const signals = [...(signal ? [signal] : []), ...(timed ? [AbortSignal.timeout(timeoutMs)] : [])];
    const either = AbortSignal.any(signals);
    const { headers, ...content } = body === undefined ? {} : bodyOf(body);
    const answered = (waits ? waiting : pool).request({
      method,
      path: `${prefix}${path}`,
      headersTimeout: idleMs ?? timeoutMs,
      bodyTimeout: idleMs ?? timeoutMs,
      signal: either,
      headers: { ...headers, ...(login ? { 'x-registry-auth': registryAuth(login) } : {}) },
      ...content,
    });
    // undici applies the signal only once the request has a connection.
    return await raced(answered, either);
  }

  async function call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, options: CallOptions = {}) {
    try {
      const response = await request(method, path, options, body);
      const text = options.idleMs === undefined ? response.body.text() : endOf(response.body);
      return { status: response.statusCode, text: await text };
    } catch (cause) {
      options.signal?.throwIfAborted();
      throw new StackferryError('engine_unreachable', `The Docker Engine at ${socketPath} does not answer.`, { cause });
    }
  }

  async function download(path: string, options: CallOptions = {}): Promise<Readable> {
    const { statusCode, body } = await request('GET', path, options);
    if (statusCode >= 300) throw new EngineAnswer(statusCode, messageOf(await body.text()));
    return body;
  }

  async function checked<T extends z.ZodType>(answered: Promise<{ status: number; text: string }>, answer: T) {
    const { status, text } = await answered;
    if (status >= 300 && status !== 304) throw new EngineAnswer(status, messageOf(text));
    // Progress streams (image pulls) are one object per line; the last holds the outcome.
    const parsed = answer.safeParse(text === '' ? undefined : parseLast(text));
    if (parsed.success) return parsed.data;
    throw new StackferryError('engine_error', 'The Docker Engine answered in a way that can’t be read.', {
      cause: parsed.error,
    });
  }

  const api: DockerApi = {
    version: { Version: '', ApiVersion: '', Os: '', Arch: '' },
    adopted,
    get: (path, answer, options) => checked(call('GET', path, undefined, options), answer),
    find: (path, answer) => api.get(path, answer).catch(unlessAbsent),
    post: (path, body, answer, options) => checked(call('POST', path, body, options), answer),
    delete: async (path) => (await checked(call('DELETE', path), nothing).catch(unlessAbsent)) !== null,
    download,
    upload: async (path, body, options) => {
      const answer = await checked(call('POST', path, body, options), z.object({ error: z.string().optional() }));
      if (answer.error) throw new EngineAnswer(500, answer.error);
    },
    close: async () => void (await Promise.all([pool.destroy(), waiting.destroy()])),
  };
  api.version = await api.get('/version', engineVersion);
  const spoken = compareVersions(api.version.ApiVersion, newestApi) < 0 ? api.version.ApiVersion : newestApi;
  if (compareVersions(spoken, oldestApi) < 0)
    throw new StackferryError(
      'engine_error',
      `Docker ${api.version.Version} is too old; its API must be ${oldestApi} or newer.`,
    );
  prefix = `/v${spoken}`;
  return api;
}

/** Rejects with the signal's reason as soon as it aborts, without waiting for `work`. */
function raced<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Query parameter in the Engine's form: `filters={"label":["a=b"]}`, URL-encoded. */
export const filters = (wanted: Record<string, string[]>) => `filters=${encodeURIComponent(JSON.stringify(wanted))}`;

function bodyOf(body: unknown) {
  if (body instanceof Readable) return { headers: { 'content-type': 'application/x-tar' }, body };
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** Keeps only the end: the reports of a pull that lasts for hours would fill the memory. */
async function endOf(body: Readable): Promise<string> {
  let end = '';
  for await (const chunk of body.setEncoding('utf8')) end = (end + chunk).slice(-limits.agent.progressEndCharsMax);
  return end;
}

function unlessAbsent(error: unknown): null {
  if (error instanceof EngineAnswer && error.status === 404) return null;
  throw error;
}

function messageOf(text: string): string {
  const parsed = z.object({ message: z.string() }).safeParse(parseLast(text));
  return shortened(parsed.success ? parsed.data.message : text, limits.agent.engineMessageCharsMax);
}

function parseLast(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
    } catch {
      return text;
    }
  }
}
