import { onTestFinished, vi } from 'vitest';
import type { AgentMessage, Outcome } from '../../../schema/agent-protocol.ts';
import type { CommandKind } from '../../../schema/commands.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import { hostFacts, stackFacts, targetFacts } from '../../saga/preflight/well-facts.ts';
import { goodAnswers } from '../../saga/story.ts';
import { connect, type FakeAgent } from './agent.ts';
import { type Answer, call, tokenWith } from './api.ts';
import { type JoinedNode, join } from './node.ts';
import { insertStack } from './records.ts';

export const gib = 2 ** 30;
export const good = (kind: CommandKind): Outcome => ({ ok: true, data: goodAnswers[kind] });
export const bad: Outcome = { ok: false, error: { code: 'unhealthy', message: '"web" is unhealthy.', log_tail: [] } };
/** All of it at once, on a slow machine too. */
export const patient = { timeout: 60_000, interval: 50 };

/** What the hosts of a drain are like; all is well where nothing is said. */
interface Setting {
  /** Besides `a`, which is emptied, by name: bytes of memory that it has free. */
  targets?: Record<string, number>;
  /** Stacks on `a` by name: bytes of memory that they use. */
  stacks: Record<string, number>;
  /** What `a` says of a stack beyond its use. */
  says?: (project: string, environment?: Record<string, string>) => Partial<StackFacts>;
  /** Of a command about a stack; null: no answer, until `let()` or the end of the test. */
  outcome?: (kind: CommandKind, project: string) => Outcome | null;
  /** What a target finds in the way of a stack. */
  finds?: (host: string, project: string) => Partial<TargetFacts>;
}

export async function drainFleet({
  targets = { b: 7 * gib },
  stacks,
  says = () => ({}),
  outcome = good,
  finds = () => ({}),
}: Setting) {
  const token = await tokenWith(['admin']);
  const nodes: Record<string, JoinedNode> = {};
  const agents: Record<string, FakeAgent> = {};
  /** Commands without an answer yet. */
  const held: { kind: CommandKind; project: string; answer(outcome: Outcome): void }[] = [];
  for (const name of ['a', ...Object.keys(targets)]) {
    const node = await join(token, 'host', name);
    const agent = await connect(node);
    nodes[name] = node;
    agents[name] = agent;
    const facts = hostFacts();
    facts.resources.memory.free_bytes = targets[name] ?? facts.resources.memory.free_bytes;
    agent.socket.addEventListener('message', ({ data }) => {
      if (data === 'pong') return;
      const message = JSON.parse(data as string);
      const say = (reply: AgentMessage) => agent.say(reply);
      if (message.type === 'request') {
        const project = message.payload.project ?? message.payload.stack?.project;
        const relays = (message.payload.relays ?? []).map(({ id }: { id: string }) => ({
          ...{ id, reachable: true, detail: '', rtt_ms: null },
        }));
        const answers: Record<string, unknown> = {
          probe: { ...facts, now_ms: Date.now(), relays },
          inspect_stack: {
            ...{ ...stackFacts, project, working_dir: `/srv/${project}` },
            usage: { memory_bytes: stacks[project] ?? 0, disk_bytes: gib },
            ...(message.kind === 'inspect_stack' ? says(project, message.payload.environment) : {}),
          },
          check_target: { ...targetFacts, ...(message.kind === 'check_target' ? finds(name, project) : {}) },
          check_logins: {
            logins: (message.payload.references ?? []).map((reference: string) => ({
              ...{ reference, state: 'accepted', detail: 'one.example' },
            })),
          },
          command_status: { state: 'running' },
        };
        say({ type: 'answer', request_id: message.id, outcome: { ok: true, data: answers[message.kind] } });
      }
      if (message.type !== 'command') return;
      const project = message.payload.deployment?.project ?? message.payload.project ?? '';
      const answer = (result: Outcome) => say({ type: 'result', command_id: message.id, outcome: result });
      const result = outcome(message.kind, project);
      if (result) answer(result);
      else held.push({ kind: message.kind, project, answer });
    });
  }
  const relay = await join(token, 'relay', 'r');
  const connectRelay = async () => {
    agents.relay = await connect(relay);
  };
  await connectRelay();
  const heartbeat = setInterval(() => {
    for (const agent of Object.values(agents)) if (!agent.closed) agent.socket.send('ping');
  }, 2_000);
  onTestFinished(() => clearInterval(heartbeat));
  for (const name of Object.keys(stacks)) await insertStack(name, nodes.a!.id);

  const idOf = (name: string) => nodes[name]?.id ?? name;
  const post = (path: string, body?: object) => call('POST', `/api/v1/${path}`, { token, ...(body ? { body } : {}) });
  const drain = (body: object = {}, host = 'a') => post(`hosts/${idOf(host)}/drain`, body);
  const show = async (id: string): Promise<Answer['body']> =>
    (await call('GET', `/api/v1/drains/${id}`, { token })).body;
  /** The drain, once `holds` does. */
  const until = (id: string, holds: (drain: Answer['body']) => boolean) =>
    vi.waitFor(async () => {
      const view = await show(id);
      if (!holds(view)) throw new Error(`not yet: ${JSON.stringify(view)}`);
      return view;
    }, patient);
  const ended = (id: string) => until(id, ({ ended_at }) => ended_at !== null);
  const homeOf = async (name: string) => (await call('GET', `/api/v1/stacks/${name}`, { token })).body.host_name;
  const migrations = async (): Promise<Answer['body'][]> =>
    (await call('GET', '/api/v1/migrations?limit=200&expand=report', { token })).body.items;
  return { token, nodes, agents, connectRelay, held, idOf, post, drain, show, until, ended, homeOf, migrations };
}

/** `web-01` to `web-NN`, each with the same use. */
export const stacksOf = (number: number, bytes: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: number }, (_, n) => [`web-${String(n + 1).padStart(2, '0')}`, bytes]));
