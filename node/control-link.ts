import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Address } from '../schema/address.ts';
import {
  type AgentMessage,
  type AgentProgram,
  type AskKind,
  type AskPayload,
  type AskReply,
  type ControlMessage,
  controlMessage,
  controlProtocol,
  type Outcome,
  type request,
} from '../schema/agent-protocol.ts';
import type { Command } from '../schema/commands.ts';
import { agentPaths } from '../schema/enrolment.ts';
import { StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import {
  type ControlSocket,
  openControlSocket,
  parseJson,
  type SocketBounds,
  type SocketEnd,
} from './control-socket.ts';
import { encodeMessage, refuseUnknown } from './link-messages.ts';
import type { Log } from './log.ts';
import { createControlAsks } from './queries.ts';
import { type ReturnBounds, returnDelayMs } from './return-delay.ts';

/** Identifies this process, across all links it opens. */
const instanceId = randomUUID();

export type ControlRequest = z.infer<typeof request>;
export type Welcome = Extract<ControlMessage, { type: 'welcome' }>;
export type LinkBounds = SocketBounds &
  ReturnBounds & {
    /** How long a connection must have stood to count as cut with all others of the fleet. */
    standingMsMin: number;
    resultResendMs: number;
    askMsMax: number;
  };

export interface ControlLink {
  /** True if the control plane has welcomed the current connection. */
  ready(): boolean;
  /** Sends transient reports (progress, inventory, metrics); drops them if the buffer is full or the link down. */
  report(message: AgentMessage): void;
  /** Sends a command's outcome. It is sent again periodically and on each connection while `owedResults` lists it. */
  sendResult(commandId: string, outcome: Outcome): void;
  /** Asks the control plane, within `askMsMax`; survives a reconnect in that time. */
  ask<K extends AskKind>(kind: K, payload: AskPayload<K>, signal?: AbortSignal): Promise<AskReply<K>>;
  close(): Promise<void>;
}

export interface LinkOptions {
  controlUrl: string;
  agentVersion: string;
  /** Hosts only. */
  program?: AgentProgram;
  /** Where others reach this relay or host; null for a host that does not listen. */
  address: Address | null;
  /** Returns a token for one connection, dated by the control plane's clock. Renews the certificate if due. */
  token: (clockOffsetMs: number) => Promise<string>;
  owedResults: () => { command_id: string; outcome: Outcome }[];
  /** True if nothing waits for this node, so that it may take its time to come back. Absent: never. */
  idle?: () => boolean;
  onWelcome: (welcome: Welcome) => void;
  onCommand: (command: Command) => void;
  onRequest: (request: ControlRequest) => Promise<Outcome>;
  onResultAck: (commandId: string) => void;
  /** Relays only: a host was deleted. */
  onRevoked: (hostId: string) => void;
  /** This host or relay was deleted: the link has stopped for good. */
  onRefused: (error: StackferryError) => void;
  log: Log;
  bounds?: Partial<LinkBounds>;
}

/**
 * Keeps one connection to the control plane and reconnects with jittered backoff, without limit. A host's commands and
 * outcomes survive in its journal, so a lost connection costs only time.
 */
export function openControlLink(options: LinkOptions): ControlLink {
  return new Link(options);
}

class Link implements ControlLink {
  readonly #options: LinkOptions;
  readonly #bounds: LinkBounds;
  readonly #url: URL;
  readonly #queries: ReturnType<typeof createControlAsks>;
  readonly #resend: NodeJS.Timeout;
  readonly #running: Promise<void>;
  #socket: ControlSocket | null = null;
  #welcomed = false;
  #welcomedAt = 0;
  /** As the control plane said last. */
  #returnSpreadMs: number | null = null;
  /** Protocol version of the latest welcome. */
  #version: number = controlProtocol.min;
  #closing = false;
  /** Offset from this machine's clock to the control plane's. */
  #clockOffsetMs = 0;
  #wake: () => void = () => {};

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#bounds = { ...limits.control, ...limits.agent, ...options.bounds };
    this.#url = connectUrl(options.controlUrl);
    this.#queries = createControlAsks((text) => {
      if (this.#welcomed) this.#socket?.send(text, false);
    }, this.#bounds.askMsMax);
    this.#resend = setInterval(() => this.#sendOwed(), this.#bounds.resultResendMs);
    this.#resend.unref();
    this.#running = this.#run();
  }

  ready(): boolean {
    return this.#welcomed;
  }

  report(message: AgentMessage): void {
    if (this.#welcomed) this.#send(message, true);
  }

  sendResult(command_id: string, outcome: Outcome): void {
    if (this.#welcomed) this.#send({ type: 'result', command_id, outcome });
  }

  ask<K extends AskKind>(kind: K, payload: AskPayload<K>, signal?: AbortSignal): Promise<AskReply<K>> {
    return this.#queries.ask(kind, payload, signal);
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#resend);
    this.#socket?.cut('the agent ends');
    this.#wake();
    await this.#running;
  }

  // ------------------------------------------------------------ sending

  #send(message: AgentMessage, droppable = false): void {
    const { texts, tooLong } = encodeMessage(message, this.#bounds.messageBytesMax, this.#version);
    if (tooLong !== null)
      this.#options.log.warn(`a message of type "${message.type}" is longer than the link allows`, { bytes: tooLong });
    // The rest of an inventory is of no use without a piece that was dropped.
    for (const text of texts) if (!this.#socket?.send(text, droppable)) return;
  }

  #sendOwed(): void {
    if (!this.#welcomed) return;
    for (const { command_id, outcome } of this.#options.owedResults())
      this.#send({ type: 'result', command_id, outcome });
  }

  async #answer(question: ControlRequest, asked: ControlSocket | null): Promise<void> {
    const outcome = await this.#options.onRequest(question);
    // A request from an earlier connection has been given up.
    if (this.#socket === asked) this.#send({ type: 'answer', request_id: question.id, outcome });
  }

  // ------------------------------------------------------------ receiving

  #onMessage(text: string): void {
    const value = parseJson(text);
    const parsed = controlMessage.safeParse(value);
    if (parsed.success) {
      this.#take(parsed.data);
      return;
    }
    this.#options.log.warn('an unknown message of the control plane is ignored', { type: typeOf(value) });
    const refusal = refuseUnknown(value);
    if (refusal) this.#send(refusal);
  }

  #take(message: ControlMessage): void {
    const { onWelcome, onCommand, onResultAck, onRevoked } = this.#options;
    switch (message.type) {
      case 'welcome':
        this.#welcomed = true;
        this.#welcomedAt = performance.now();
        this.#version = message.version ?? controlProtocol.min;
        this.#clockOffsetMs = offsetOf(message.now_ms);
        this.#returnSpreadMs = message.return_spread_ms;
        onWelcome(message);
        this.#sendOwed();
        for (const text of this.#queries.open()) this.#socket?.send(text, false);
        return;
      case 'return_spread':
        this.#returnSpreadMs = message.return_spread_ms;
        return;
      case 'command':
        onCommand(message);
        return;
      case 'request':
        void this.#answer(message, this.#socket);
        return;
      case 'result_ack':
        onResultAck(message.command_id);
        return;
      case 'reply':
        this.#queries.answered(message.ask_id, message.outcome);
        return;
      case 'revoked':
        onRevoked(message.host_id);
        return;
    }
  }

  // ------------------------------------------------------------ connecting

  async #run(): Promise<void> {
    const { onRefused, log } = this.#options;
    let attempt = 0;
    let herd = false;
    let cutAt = performance.now();
    while (!this.#closing) {
      this.#welcomed = false;
      let turnedAway = false;
      let retryAfterMs = 0;
      try {
        const end = await this.#connectOnce();
        if (end?.refusal?.code === 'host_revoked') return onRefused(end.refusal);
        turnedAway = end?.turnedAway ?? false;
        retryAfterMs = end?.retryAfterMs ?? 0;
      } catch (error) {
        if (error instanceof StackferryError && error.code === 'host_revoked') return onRefused(error);
        log.warn('could not connect to the control plane', { error });
      }
      // A connection may be welcomed before it is turned away; the next attempt would end the same way.
      const lost = this.#welcomed && !turnedAway;
      attempt = lost ? 1 : attempt + 1;
      if (this.#welcomed) {
        cutAt = performance.now();
        herd = lost && this.#wasCutWithMany(herd);
      }
      this.#welcomed = false;
      if (this.#closing) return;
      const spreadMs = herd ? this.#returnSpreadMs : null;
      const sinceCutMs = performance.now() - cutAt;
      await this.#pause(returnDelayMs({ attempt, turnedAway, herd, spreadMs, sinceCutMs, retryAfterMs }, this.#bounds));
    }
  }

  async #connectOnce(): Promise<Pick<SocketEnd, 'refusal' | 'retryAfterMs' | 'turnedAway'> | null> {
    const token = await this.#options.token(this.#clockOffsetMs);
    if (this.#closing) return null;
    const opened = openControlSocket({
      url: this.#url,
      token,
      bounds: this.#bounds,
      onMessage: (text) => this.#onMessage(text),
      onOpen: () => this.#send(this.#hello()),
    });
    this.#socket = opened;
    // The platform answers pings even if the code that should send the welcome hangs.
    const greeting = setTimeout(
      () => this.#welcomed || opened.cut('no welcome in time'),
      2 * this.#bounds.linkHandshakeMsMax,
    );
    const { why, refusal, serverNowMs, retryAfterMs, turnedAway } = await opened.ended;
    // A token dated by a clock that is hours off would be refused for ever (F38).
    if (serverNowMs !== null) this.#clockOffsetMs = offsetOf(serverNowMs);
    clearTimeout(greeting);
    this.#socket = null;
    if (!this.#closing) this.#options.log.warn(`no connection to the control plane: ${why}`);
    return { refusal, retryAfterMs, turnedAway };
  }

  /**
   * A connection that stood for long was probably cut by a deploy, with those of the whole fleet (C14). So was one soon after
   * such a cut: by the next deploy.
   */
  #wasCutWithMany(before: boolean): boolean {
    const stood = performance.now() - this.#welcomedAt >= this.#bounds.standingMsMin;
    return (stood || before) && (this.#options.idle?.() ?? false);
  }

  #hello(): AgentMessage {
    return {
      type: 'hello',
      version: controlProtocol.min,
      versions: controlProtocol,
      agent_version: this.#options.agentVersion,
      ...(this.#options.program ? { program: this.#options.program } : {}),
      instance_id: instanceId,
      address: this.#options.address,
    };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const typeOf = (value: unknown) =>
  typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;

/** Ignores small differences: they are network delay, and within the control plane's tolerance. */
function offsetOf(serverNowMs: number): number {
  const offset = serverNowMs - Date.now();
  return Math.abs(offset) > limits.control.clockSkewMsMax / 2 ? offset : 0;
}

function connectUrl(controlUrl: string): URL {
  const url = new URL(agentPaths.connect, controlUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}
