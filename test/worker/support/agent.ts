import { vi } from 'vitest';
import {
  type AgentMessage,
  type ControlMessage,
  controlMessage,
  controlProtocol,
} from '../../../schema/agent-protocol.ts';
import { agentPaths } from '../../../schema/enrolment.ts';
import { app } from '../../../worker/app.ts';
import { bindings } from './api.ts';
import { agentToken, type JoinedNode } from './node.ts';

/** The agent's end of a control link, by hand. */
export class FakeAgent {
  readonly got: ControlMessage[] = [];
  closed: { code: number; reason: string } | null = null;
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.accept();
    socket.addEventListener('message', ({ data }) => {
      if (data !== 'pong') this.got.push(controlMessage.parse(JSON.parse(data as string)));
    });
    socket.addEventListener('close', ({ code, reason }) => {
      this.closed ??= { code, reason };
    });
  }

  say(message: AgentMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The next message of a type that was not taken yet. */
  async take<T extends ControlMessage['type']>(type: T): Promise<Extract<ControlMessage, { type: T }>> {
    const index = await vi.waitFor(() => {
      const found = this.got.findIndex((message) => message.type === type);
      if (found < 0)
        throw new Error(`no ${type} among ${JSON.stringify(this.got)}, closed: ${JSON.stringify(this.closed)}`);
      return found;
    }, waiting);
    return this.got.splice(index, 1)[0] as Extract<ControlMessage, { type: T }>;
  }

  async end(): Promise<{ code: number; reason: string }> {
    return vi.waitFor(() => {
      if (!this.closed) throw new Error('still open');
      return this.closed;
    }, waiting);
  }
}

export const waiting = { timeout: 5_000, interval: 10 };

/** Connects without a word. */
export async function dial(node: JoinedNode, token?: string): Promise<FakeAgent> {
  const response = await dialResponse(token ?? (await agentToken(node)));
  if (!response.webSocket) throw new Error(`not connected: ${response.status} ${await response.text()}`);
  return new FakeAgent(response.webSocket);
}

export async function dialResponse(token: string | null): Promise<Response> {
  const headers: Record<string, string> = { upgrade: 'websocket' };
  if (token) headers.authorization = `Bearer ${token}`;
  return app.request(`http://stackferry.test${agentPaths.connect}`, { headers }, bindings);
}

/** Connects and is welcomed. */
export async function connect(node: JoinedNode, instanceId?: string): Promise<FakeAgent> {
  const agent = await dial(node);
  agent.say(hello(node, instanceId));
  await agent.take('welcome');
  return agent;
}

/** Messages are taken one after another: its answer shows that all before it were. It asks nothing of the database. */
export async function taken(agent: FakeAgent): Promise<void> {
  agent.say({ type: 'ask', ask_id: crypto.randomUUID(), kind: 'lease', payload: {} });
  await agent.take('reply');
}

/** One process per node, unless told otherwise. */
export const hello = (node: JoinedNode, instance_id = `process-of-${node.id}`): AgentMessage => ({
  type: 'hello',
  version: controlProtocol.min,
  versions: controlProtocol,
  agent_version: '0.1.0',
  instance_id,
  address: node.kind === 'relay' ? { host: '127.0.0.1', port: 22067 } : null,
});
