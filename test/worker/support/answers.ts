import type { AgentMessage, Outcome, RequestKind } from '../../../schema/agent-protocol.ts';
import type { CommandKind } from '../../../schema/commands.ts';
import { hostFacts, stackFacts, targetFacts } from '../../saga/preflight/well-facts.ts';
import { goodAnswers } from '../../saga/story.ts';
import type { FakeAgent } from './agent.ts';

type Question = { kind: RequestKind; payload: unknown };

const answers: { [K in RequestKind]: (payload: never) => unknown } = {
  probe: ({ relays }: { relays: { id: string }[] }) => ({
    ...hostFacts(),
    relays: relays.map(({ id }) => ({ id, reachable: true, detail: '', rtt_ms: null })),
  }),
  inspect_stack: () => stackFacts,
  check_target: () => targetFacts,
  check_logins: () => ({ logins: [] }),
  limit_bandwidth: () => ({}),
  traffic: () => ({
    traffic: {
      ports: [{ port: '*:8080', per_minute: 12, total: 40, idle_ms: 300 }],
      sources: [{ address: '192.0.2.7', total: 40 }],
      held: 0,
      spliced: 1,
    },
  }),
  upgrade: () => ({}),
  command_status: () => ({ state: 'running' }),
};

const answerTo = ({ kind, payload }: Question): Outcome => ({ ok: true, data: answers[kind](payload as never) });

/** Answers every question and command well, but the commands that `outcomeOf` gives another outcome (null: none at all). */
export function answerAll(
  agent: FakeAgent,
  outcomeOf: (kind: CommandKind) => Outcome | null = (kind) => ({ ok: true, data: goodAnswers[kind] }),
): { commands: CommandKind[] } {
  const commands: CommandKind[] = [];
  agent.socket.addEventListener('message', ({ data }) => {
    if (data === 'pong') return;
    const message = JSON.parse(data as string);
    const say = (reply: AgentMessage) => agent.say(reply);
    if (message.type === 'request') say({ type: 'answer', request_id: message.id, outcome: answerTo(message) });
    if (message.type !== 'command') return;
    commands.push(message.kind);
    const outcome = outcomeOf(message.kind);
    if (outcome) say({ type: 'result', command_id: message.id, outcome });
  });
  return { commands };
}
