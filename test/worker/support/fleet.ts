import type { Outcome } from '../../../schema/agent-protocol.ts';
import type { CommandKind } from '../../../schema/commands.ts';
import type { Env } from '../../../worker/env.ts';
import { connect } from './agent.ts';
import { answerAll } from './answers.ts';
import { bindings, call, tokenWith } from './api.ts';
import { join } from './node.ts';
import { insertStack } from './records.ts';

type OutcomeOf = (kind: CommandKind) => Outcome | null;

/** Two hosts that answer everything, a relay, and the stack `shop` on the first. */
export async function fleet(ofTarget?: OutcomeOf, ofSource?: OutcomeOf, bound: Env = bindings) {
  const token = await tokenWith(['admin']);
  const [a, b] = [await join(token, 'host', 'a'), await join(token, 'host', 'b')];
  const relay = await join(token, 'relay', 'r');
  const [onA, onB] = [await connect(a), await connect(b)];
  const agents = { a: onA, b: onB, relay: await connect(relay) };
  const told = { a: answerAll(onA, ofSource).commands, b: answerAll(onB, ofTarget).commands };
  const shop = await insertStack('shop', a.id);
  const migrate = (options: object = {}) =>
    call('POST', '/api/v1/stacks/shop/migrate', { token, body: { target_host_id: b.id, ...options }, bound });
  const show = async (id: string) => (await call('GET', `/api/v1/migrations/${id}`, { token })).body;
  return { token, a, b, agents, told, shop, migrate, show };
}
