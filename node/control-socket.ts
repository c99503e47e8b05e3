import type { Socket } from 'node:net';
import { Agent, type Dispatcher, WebSocket } from 'undici';
import { errorMessageOf, StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { problemOf } from './enroll.ts';

/** Why a connection ended; `refusal` if the control plane answered the handshake with an error. */
export interface SocketEnd {
  why: string;
  refusal: StackferryError | null;
  /** The control plane's clock from the `date` header of its refusal, null if there was none. */
  serverNowMs: number | null;
  /** From the `retry-after` header of its refusal; 0 if there was none. */
  retryAfterMs: number;
  /** The control plane turned the connection away: redialing at once would end the same way. */
  turnedAway: boolean;
}

export interface ControlSocket {
  /** Returns false if the socket is not open, or if `droppable` and more than `outgoingBytesMax` is waiting. */
  send(text: string, droppable: boolean): boolean;
  /** Cuts the connection, even a half-open one, without waiting for the other side. */
  cut(why: string): void;
  ended: Promise<SocketEnd>;
}

export interface SocketBounds {
  pingIntervalMs: number;
  hostSilenceMsMax: number;
  linkHandshakeMsMax: number;
  messageBytesMax: number;
}

/** Close code when this host or relay was deleted. */
export const revokedCloseCode = 4003;
/**
 * Close codes for a connection that may be accepted later: see `closeCodes` in
 * `worker/objects/host-connection/control-socket.ts`.
 */
const turnedAwayCodes: ReadonlySet<number> = new Set([1008, 4004, 4005]);

/** Opens one WebSocket, alive while "ping" is answered with "pong". Never throws: `ended` reports every error. */
export function openControlSocket(options: {
  url: URL;
  token: string;
  onOpen: () => void;
  onMessage: (text: string) => void;
  bounds: SocketBounds;
}): ControlSocket {
  const { bounds } = options;
  const handshake = watchHandshake(bounds.linkHandshakeMsMax);
  const ws = new WebSocket(options.url, {
    headers: { authorization: `Bearer ${options.token}` },
    dispatcher: handshake.dispatcher,
  });
  let heardAt = performance.now();
  let revoked: StackferryError | null = null;
  let turnedAway = false;
  let finish: (why: string) => void = () => {};

  const ended = new Promise<SocketEnd>((resolve) => {
    let done = false;
    finish = (why) => {
      if (done) return;
      done = true;
      clearInterval(pinger);
      clearTimeout(guard);
      void handshake.settled().then(({ refusal, serverNowMs, retryAfterMs }) => {
        handshake.destroy();
        resolve({ why: refusal?.message ?? why, refusal: refusal ?? revoked, serverNowMs, retryAfterMs, turnedAway });
      });
    };
  });
  const guard = setTimeout(() => finish('no handshake in time'), bounds.linkHandshakeMsMax);
  const pinger = setInterval(() => {
    if (ws.readyState !== WebSocket.OPEN) return;
    if (performance.now() - heardAt > bounds.hostSilenceMsMax) finish('the control plane fell silent');
    else ws.send('ping');
  }, bounds.pingIntervalMs);

  ws.addEventListener('open', () => {
    clearTimeout(guard);
    heardAt = performance.now();
    options.onOpen();
  });
  ws.addEventListener('message', ({ data }) => {
    heardAt = performance.now();
    if (data === 'pong') return;
    if (typeof data !== 'string') return;
    if (data.length > bounds.messageBytesMax) finish('the control plane sent a message beyond the bound');
    else options.onMessage(data);
  });
  ws.addEventListener('error', (event) => finish(event.error ? errorMessageOf(event.error) : 'the connection failed'));
  ws.addEventListener('close', ({ code, reason }) => {
    if (code === revokedCloseCode) {
      revoked = new StackferryError('host_revoked', 'It was deleted in the control plane.');
    }
    turnedAway = turnedAwayCodes.has(code);
    finish(`closed (${code}${reason ? `, ${reason}` : ''})`);
  });

  return {
    send: (text, droppable) => {
      if (ws.readyState !== WebSocket.OPEN) return false;
      if (droppable && ws.bufferedAmount > limits.agent.outgoingBytesMax) return false;
      ws.send(text);
      return true;
    },
    cut: (why) => {
      if (ws.readyState === WebSocket.OPEN) ws.close(1000);
      finish(why);
    },
    ended,
  };
}

/**
 * The WebSocket API hides the response of a refused handshake, and can't cut a connection whose other side is gone. The
 * dispatcher below it can do both.
 */
function watchHandshake(msMax: number) {
  const agent = new Agent({ connect: { timeout: msMax }, headersTimeout: msMax, bodyTimeout: msMax });
  let status = 101;
  let date = Number.NaN;
  let retryAfterS = 0;
  let body = '';
  let socket: Socket | null = null;
  let bodyEnded: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    bodyEnded = resolve;
  });
  const dispatcher = agent.compose((dispatch) => (opts, handler) => {
    const watched: Dispatcher.DispatchHandler = {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onRequestUpgrade: (controller, code, headers, upgraded) => {
        socket = upgraded as Socket;
        handler.onRequestUpgrade?.(controller, code, headers, upgraded);
      },
      onResponseStart: (controller, code, headers, message) => {
        status = code;
        date = Date.parse(String(headers.date ?? ''));
        retryAfterS = Number(headers['retry-after'] ?? 0);
        handler.onResponseStart?.(controller, code, headers, message);
      },
      onResponseData: (controller, chunk) => {
        if (body.length < limits.control.bodyBytesMax) body += chunk.toString();
        handler.onResponseData?.(controller, chunk);
      },
      onResponseEnd: (controller, trailers) => {
        bodyEnded();
        handler.onResponseEnd?.(controller, trailers);
      },
      onResponseError: (controller, error) => {
        bodyEnded();
        handler.onResponseError?.(controller, error);
      },
    };
    return dispatch(opts, watched);
  });
  return {
    dispatcher,
    /** Resolves to the refusal, once its body has been read. */
    settled: async (): Promise<Pick<SocketEnd, 'refusal' | 'serverNowMs' | 'retryAfterMs'>> => {
      if (status === 101) return { refusal: null, serverNowMs: null, retryAfterMs: 0 };
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
      return {
        refusal: problemOf(status, parseJson(body)),
        serverNowMs: Number.isNaN(date) ? null : date,
        // A date in its place counts as none: only our own control plane answers here, in seconds.
        retryAfterMs: retryAfterS > 0 ? retryAfterS * 1_000 : 0,
      };
    },
    destroy: () => {
      socket?.destroySoon();
      void agent.destroy().catch(() => {});
    },
  };
}

/** Returns null for text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
