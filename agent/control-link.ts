import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import {
  type AgentMessage,
  type AskKind,
  type AskPayload,
  type AskReply,
  agentPaths,
  type Command,
  type ControlMessage,
  controlMessage,
  controlProtocol,
  inventoryPiecesSince,
  type Outcome,
  type request,
} from '../schema/agent-protocol.ts';
import { StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { createControlAsks } from './control-asks.ts';
import { type ControlSocket, openControlSocket, type SocketBounds, type SocketEnd } from './control-socket.ts';
import { inventoryPieces } from './inventory-pieces.ts';
import type { Log } from './log.ts';

/** Of this process, whatever links it opens. */
const instanceId = randomUUID();

export type ControlRequest = z.infer<typeof request>;
export type Welcome = Extract<ControlMessage, { type: 'welcome' }>;
export type LinkBounds = SocketBounds & {
  reconnectDelayMsMin: number;
  reconnectDelayMsMax: number;
  refusedDelayMsMin: number;
  refusedDelayMsMax: number;
  resultResendMs: number;
  askMsMax: number;
};

export interface ControlLink {
  /** Whether the control plane has welcomed the present connection. */
  ready(): boolean;
  /** What is momentary (progress, inventory, metrics): not sent while there is no room or no connection. */
  report(message: AgentMessage): void;
  /** Sends a command's outcome; it goes again with each connection while `owedResults` lists it. */
  sendResult(commandId: string, outcome: Outcome): void;
  /** A question to the control plane, bounded by `askMsMax`; waits through a reconnect within it. */
  ask<K extends AskKind>(kind: K, payload: AskPayload<K>, signal?: AbortSignal): Promise<AskReply<K>>;
  close(): Promise<void>;
}

export interface LinkOptions {
  controlUrl: string;
  agentVersion: string;
  /** Where others reach this relay, or this host; null for a host that listens nowhere. */
  address: { host: string; port: number } | null;
  /** A fresh token, for one connection, dated by the control plane's clock. Renews the certificate first where that is due. */
  token: (clockOffsetMs: number) => Promise<string>;
  owedResults: () => { command_id: string; outcome: Outcome }[];
  onWelcome: (welcome: Welcome) => void;
  onCommand: (command: Command) => void;
  onRequest: (request: ControlRequest) => Promise<Outcome>;
  onResultAck: (commandId: string) => void;
  /** Relays: this host was deleted. */
  onRevoked: (hostId: string) => void;
  /** This host or relay was deleted: the link has stopped for good. */
  onRefused: (error: StackferryError) => void;
  log: Log;
  bounds?: Partial<LinkBounds>;
}

/**
 * Keeps one connection to the control plane, dialing again with jittered backoff for as long as it takes: whatever a
 * host was told or asked survives in its journal, so a cut costs time only.
 */
export function openControlLink(options: LinkOptions): ControlLink {
  const { log } = options;
  const bounds: LinkBounds = { ...limits.control, ...limits.agent, ...options.bounds };
  const url = connectUrl(options.controlUrl);
  let socket: ControlSocket | null = null;
  let welcomed = false;
  /** The protocol's version, by the latest welcome. */
  let version: number = controlProtocol.min;
  let closing = false;
  /** What to add to this machine's clock to get the control plane's. */
  let clockOffsetMs = 0;
  let wake: () => void = () => {};

  const asks = createControlAsks((text) => {
    if (welcomed) socket?.send(text, false);
  }, bounds.askMsMax);

  const send = (message: AgentMessage, droppable = false): boolean => {
    const text = JSON.stringify(message);
    if (text.length <= bounds.messageBytesMax) return socket?.send(text, droppable) ?? false;
    if (message.type === 'inventory' && !message.piece && version >= inventoryPiecesSince)
      return inventoryPieces(message, bounds.messageBytesMax).every((piece) => send(piece, droppable));
    log.warn(`a message of type "${message.type}" is longer than the link allows`, { bytes: text.length });
    if (message.type === 'result' || message.type === 'answer')
      socket?.send(JSON.stringify({ ...message, outcome: tooLong }), false);
    return false;
  };
  const sendOwed = () => {
    if (!welcomed) return;
    for (const { command_id, outcome } of options.owedResults()) send({ type: 'result', command_id, outcome });
  };

  const answer = async (question: ControlRequest, asked: ControlSocket | null) => {
    const outcome = await options.onRequest(question);
    // Whoever asked on an earlier connection has given up.
    if (socket === asked) send({ type: 'answer', request_id: question.id, outcome });
  };

  const take = (message: ControlMessage) => {
    switch (message.type) {
      case 'welcome':
        welcomed = true;
        version = message.version ?? controlProtocol.min;
        clockOffsetMs = offsetOf(message.now_ms);
        options.onWelcome(message);
        sendOwed();
        for (const text of asks.open()) socket?.send(text, false);
        return;
      case 'command':
        return options.onCommand(message);
      case 'request':
        return void answer(message, socket);
      case 'result_ack':
        return options.onResultAck(message.command_id);
      case 'reply':
        return asks.answered(message.ask_id, message.outcome);
      case 'revoked':
        return options.onRevoked(message.host_id);
    }
  };

  const onMessage = (text: string) => {
    const value = parseJson(text);
    const parsed = controlMessage.safeParse(value);
    if (parsed.success) return take(parsed.data);
    const named = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
    log.warn('a message of the control plane is not understood and ignored', { type: named.type });
    // An older agent must say so, or the control plane would wait for an answer until its deadline.
    if (typeof named.id !== 'string') return;
    if (named.type === 'command') send({ type: 'result', command_id: named.id, outcome: unknownKind });
    if (named.type === 'request') send({ type: 'answer', request_id: named.id, outcome: unknownKind });
  };

  const connectOnce = async (): Promise<Pick<SocketEnd, 'refusal' | 'turnedAway'> | null> => {
    const token = await options.token(clockOffsetMs);
    if (closing) return null;
    const opened = openControlSocket({
      url,
      token,
      bounds,
      onMessage,
      onOpen: () =>
        void send({
          type: 'hello',
          version: controlProtocol.min,
          versions: controlProtocol,
          agent_version: options.agentVersion,
          instance_id: instanceId,
          address: options.address,
        }),
    });
    socket = opened;
    // Pings are answered by the platform even while what should greet us hangs.
    const greeting = setTimeout(() => welcomed || opened.cut('no welcome in time'), 2 * bounds.linkHandshakeMsMax);
    const { why, refusal, serverNowMs, turnedAway } = await opened.ended;
    // F38: a token dated by a clock that is hours off would be refused for ever.
    if (serverNowMs !== null) clockOffsetMs = offsetOf(serverNowMs);
    clearTimeout(greeting);
    socket = null;
    if (!closing) log.warn(`no connection to the control plane: ${why}`);
    return { refusal, turnedAway };
  };

  const run = async () => {
    let attempt = 0;
    while (!closing) {
      welcomed = false;
      let turnedAway = false;
      try {
        const end = await connectOnce();
        if (end?.refusal?.code === 'host_revoked') return options.onRefused(end.refusal);
        turnedAway = end?.turnedAway ?? false;
      } catch (error) {
        if (error instanceof StackferryError && error.code === 'host_revoked') return options.onRefused(error);
        log.warn('could not connect to the control plane', { error });
      }
      // It was perhaps welcomed before it said what is refused: the next time will be no different.
      attempt = welcomed && !turnedAway ? 0 : attempt + 1;
      welcomed = false;
      if (closing) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, backoffMs(attempt, turnedAway ? afterRefusal(bounds) : bounds));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const resend = setInterval(sendOwed, bounds.resultResendMs);
  resend.unref();
  const running = run();

  return {
    ready: () => welcomed,
    report: (message) => {
      if (welcomed) send(message, true);
    },
    sendResult: (command_id, outcome) => {
      if (welcomed) send({ type: 'result', command_id, outcome });
    },
    ask: asks.ask,
    close: async () => {
      closing = true;
      clearInterval(resend);
      socket?.cut('the agent ends');
      wake();
      await running;
    },
  };
}

const afterRefusal = ({ refusedDelayMsMin, refusedDelayMsMax }: LinkBounds) => ({
  reconnectDelayMsMin: refusedDelayMsMin,
  reconnectDelayMsMax: refusedDelayMsMax,
});

/** Full jitter, so that a fleet cut by one deploy does not come back as one. */
export function backoffMs(
  attempt: number,
  bounds: { reconnectDelayMsMin: number; reconnectDelayMsMax: number },
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(bounds.reconnectDelayMsMax, bounds.reconnectDelayMsMin * 2 ** Math.min(attempt, 20));
  return bounds.reconnectDelayMsMin + random() * (ceiling - bounds.reconnectDelayMsMin);
}

const unknownKind: Outcome = {
  ok: false,
  error: {
    code: 'command_unknown',
    message: 'This agent does not know this command. Is it older than the control plane?',
    log_tail: [],
  },
};
const tooLong: Outcome = {
  ok: false,
  error: { code: 'internal', message: 'The answer is longer than the control link allows.', log_tail: [] },
};

/** Small differences are the network's, and within what the control plane allows. */
function offsetOf(serverNowMs: number): number {
  const offset = serverNowMs - Date.now();
  return Math.abs(offset) > limits.control.clockSkewMsMax / 2 ? offset : 0;
}

function connectUrl(controlUrl: string): URL {
  const url = new URL(agentPaths.connect, controlUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
