import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { dialPeer } from '../../agent/transfer/dial.ts';
import { receiveItem } from '../../agent/transfer/receive.ts';
import type { ItemProof } from '../../agent/transfer/tar-ports.ts';
import { type ControlSocket, openControlSocket } from '../../node/control-socket.ts';
import { loadIdentity, openIdentity } from '../../node/identity.ts';
import type { Identity } from '../../node/peer-identity.ts';
import { type AskReply, controlMessage, controlProtocol, type Outcome } from '../../schema/agent-protocol.ts';
import type { Command } from '../../schema/commands.ts';
import { agentPaths } from '../../schema/enrolment.ts';
import type { StackFacts } from '../../schema/facts.ts';
import type { HostFacts } from '../../schema/host-facts.ts';
import { limits } from '../../schema/limits.ts';
import type { TargetFacts } from '../../schema/target-facts.ts';
import { hostFacts, targetFacts } from '../saga/preflight/well-facts.ts';
import type { FleetRig } from '../support/fleet-rig.ts';

/** No agent and no engine: a certificate of the fleet in the hands of somebody who says what he likes. */
export interface FalseHost {
  id: string;
  name: string;
  /** What it does for each command, and says of each stack that it is asked about. */
  script: Script;
  /** Commands that came, in order. */
  commands: Command[];
  say(message: unknown): void;
  ticket(migrationId: string, lane: string): Promise<Outcome>;
  /** To the source of a migration, as its target; with this ticket, or one of its own. */
  dial(command: Command, lane: string, ticket?: AskReply<'ticket'>): Promise<TLSSocket>;
  /** All that a lane brings, received as an honest target would. */
  receive(command: Command, lane: string): Promise<ItemProof>;
  /** Everything that it was ever told or sent. */
  loot(): string;
  close(): Promise<void>;
}

export interface Script {
  command(command: Command): Promise<Outcome> | Outcome;
  fit?(facts: TargetFacts): unknown;
  inspect?(project: string): unknown;
}

const facts = (relays: { id: string }[]): HostFacts => ({
  ...hostFacts(),
  relays: relays.map(({ id }) => ({ id, reachable: true, detail: '', rtt_ms: null })),
});

const fitOf = (stack: StackFacts): TargetFacts => ({
  ...targetFacts,
  project_path: stack.working_dir,
  images: stack.services.map(({ image }) => ({
    reference: image.reference,
    state: 'present',
    detail: '',
    layers_present: image.layers.length,
  })),
});

/** Joins, or comes back where it joined before. */
export async function startFalseHost(
  fleet: Pick<FleetRig, 'api' | 'dir'> & { control: { url: string } },
  name: string,
): Promise<FalseHost> {
  const stateDir = join(fleet.dir, `false-${name}`);
  const known = await loadIdentity(stateDir);
  const { id, join_token } = known
    ? { id: known.id, join_token: null }
    : await fleet.api.post<{ id: string; join_token: string }>('/hosts', { name });
  const keeper = await openIdentity({ stateDir, controlUrl: fleet.control.url, joinToken: join_token, kind: 'host' });
  const loot: string[] = [];
  const commands: Command[] = [];
  const asked = new Map<string, (outcome: Outcome) => void>();
  let closed = false;
  const host: FalseHost = {
    id,
    name,
    script: { command: () => ({ ok: true, data: {} }) },
    commands,
    say: (message) => void socket.send(JSON.stringify(message), false),
    ticket: (migration_id, lane) =>
      new Promise((resolve) => {
        const ask_id = randomUUID();
        asked.set(ask_id, resolve);
        host.say({ type: 'ask', ask_id, kind: 'ticket', payload: { migration_id, lane } });
      }),
    dial: (command, lane, given) => dialAs(host, keeper.identity, command, lane, given),
    receive: (command, lane) =>
      receiveItem({
        lane,
        sink: { open: async () => collecting(loot), reset: async () => {} },
        connect: () => host.dial(command, lane),
        onProgress: () => {},
        record: async () => {},
        signal: AbortSignal.timeout(30_000),
      }),
    loot: () => loot.join('\n'),
    close: async () => {
      closed = true;
      socket.cut('over');
      await running;
    },
  };
  const onMessage = (text: string) => {
    loot.push(text);
    const message = controlMessage.parse(JSON.parse(text));
    if (message.type === 'reply') asked.get(message.ask_id)?.(message.outcome);
    if (message.type === 'command') {
      commands.push(message);
      void Promise.resolve(host.script.command(message)).then((outcome) =>
        host.say({ type: 'result', command_id: message.id, outcome }),
      );
    }
    if (message.type !== 'request') return;
    const payload = message.payload as { relays: { id: string }[]; stack: StackFacts; project: string };
    const answers = {
      traffic: () => ({ traffic: null }),
      probe: () => facts(payload.relays),
      check_target: () => host.script.fit?.(fitOf(payload.stack)) ?? fitOf(payload.stack),
      check_logins: () => ({ logins: [] }),
      command_status: () => ({ state: 'running' }),
      inspect_stack: () => host.script.inspect?.(payload.project) ?? {},
      limit_bandwidth: () => ({}),
      upgrade: () => ({}),
    };
    host.say({ type: 'answer', request_id: message.id, outcome: { ok: true, data: answers[message.kind]() } });
  };
  const connect = async (): Promise<ControlSocket> => {
    const url = new URL(agentPaths.connect, fleet.control.url.replace('http', 'ws'));
    await keeper.renewIfDue();
    const token = await keeper.signAgentToken();
    const versions = { version: controlProtocol.min, versions: controlProtocol };
    return openControlSocket({
      url,
      token,
      bounds: { ...limits.control, ...limits.agent },
      onMessage,
      onOpen: () =>
        host.say({ type: 'hello', ...versions, agent_version: '0.1.0', instance_id: stateDir, address: null }),
    });
  };
  let socket: ControlSocket = await connect();
  // Whatever it was closed for, it comes back.
  const running = (async () => {
    while (!closed) {
      await socket.ended;
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (!closed) socket = await connect();
    }
  })();
  return host;
}

async function dialAs(
  host: FalseHost,
  identity: () => Identity,
  { migration_id, payload }: Command,
  lane: string,
  given?: AskReply<'ticket'>,
): Promise<TLSSocket> {
  return dialPeer({
    identity,
    role: 'target',
    peer: (payload as { peer: string }).peer,
    session: `${migration_id}.${lane}`,
    ticket: async () => given ?? ticketIn(await host.ticket(migration_id, lane)),
    signal: AbortSignal.timeout(6_000),
  });
}

export function ticketIn(outcome: Outcome): AskReply<'ticket'> {
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.data as AskReply<'ticket'>;
}

function collecting(loot: string[]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      loot.push(chunk.toString('latin1'));
      done();
    },
    final: (done) => {
      resolve();
      done();
    },
  });
  return { stream, finished: promise };
}
