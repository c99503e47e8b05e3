import type { ControlRequest } from '../../../node/control-link.ts';
import type { Throttles } from '../../../node/throttle.ts';
import {
  type RequestAnswer,
  type RequestKind,
  type RequestPayload,
  requestKinds,
} from '../../../schema/agent-protocol.ts';
import type { RelayAddress } from '../../../schema/commands/parts.ts';
import { errorMessageOf, StackferryError } from '../../../schema/errors.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import type { TrafficReport } from '../../../schema/forwarding.ts';
import type { HostFacts } from '../../../schema/host-facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { Engine } from '../../engine/engine.ts';
import type { HostNames } from '../../names/host-names.ts';

export interface RequestContext {
  engine: Engine;
  commandState: (commandId: string) => 'running' | 'done' | 'unknown';
  throttles: Throttles;
  /** Milliseconds of a round trip. Throws if the relay does not answer this host. */
  pingRelay: (relay: RelayAddress, signal: AbortSignal) => Promise<number>;
  /** Null if this host takes no connections for the migration. */
  traffic: (migrationId: string) => Promise<TrafficReport | null>;
  /** Those of the stack's ports whose connections this host takes for a stack that left it. */
  forwarded: (stack: StackFacts) => { name: string; by: string }[];
  /** Whether this host can take connections for a stack that leaves it; null if nobody can say. */
  forwardsHere: () => Promise<HostFacts['forwarding']>;
  /** What this host can do about names of clients. */
  names: HostNames;
  upgrade: (ask: RequestPayload<'upgrade'>, signal: AbortSignal) => Promise<void>;
}

type RequestHandler<K extends RequestKind> = (
  payload: RequestPayload<K>,
  context: RequestContext,
  signal: AbortSignal,
) => Promise<RequestAnswer<K>>;

const requestHandlers: { [K in RequestKind]: RequestHandler<K> } = {
  probe: async ({ relays, names }, context, signal) => {
    const looked = context.names.facts(names, signal);
    const reached = await Promise.all(relays.map((relay) => reach(relay, context, signal)));
    const found = await context.engine.host(reached);
    return { ...found, forwarding: await context.forwardsHere(), names: await looked };
  },
  inspect_stack: ({ project, ...given }, { engine }, signal) => engine.inspectStack(project, signal, given),
  check_target: async ({ stack, bind_places, source_host_id }, { engine, forwarded }, signal) => {
    const found = await engine.checkTarget(stack, { bindPlaces: bind_places, source: source_host_id }, signal);
    return { ...found, ports_taken: found.ports_taken && [...found.ports_taken, ...forwarded(stack)] };
  },
  check_logins: async ({ project, references }, { engine }, signal) => ({
    logins: (await engine.logins?.check(project, references, signal)) ?? [],
  }),
  limit_bandwidth: async ({ migration_id, bytes_per_s }, { throttles }) => {
    throttles.setLimit(migration_id, bytes_per_s);
    return {};
  },
  traffic: async ({ migration_id }, { traffic }) => ({ traffic: await traffic(migration_id) }),
  command_status: async ({ command_id }, { commandState }) => ({ state: commandState(command_id) }),
  upgrade: async (ask, { upgrade }, signal) => {
    await upgrade(ask, signal);
    return {};
  },
};

/** Answers within the request's bound, or throws. */
export async function answerRequest(question: ControlRequest, context: RequestContext): Promise<unknown> {
  const payload = requestKinds[question.kind].payload.safeParse(question.payload);
  if (!payload.success) {
    throw new StackferryError('invalid_request', `The payload of "${question.kind}" is not understood.`);
  }
  const { requestMsMax } = question.kind === 'upgrade' ? limits.upgrade : limits.control;
  const signal = AbortSignal.timeout(requestMsMax);
  const handler = requestHandlers[question.kind] as (
    payload: unknown,
    context: RequestContext,
    signal: AbortSignal,
  ) => Promise<unknown>;
  return handler(payload.data, context, signal);
}

async function reach(
  relay: RelayAddress,
  { pingRelay }: RequestContext,
  signal: AbortSignal,
): Promise<HostFacts['relays'][number]> {
  try {
    const rtt_ms = await pingRelay(relay, signal);
    return { id: relay.id, reachable: true, detail: 'answers', rtt_ms };
  } catch (error) {
    return { id: relay.id, reachable: false, detail: errorMessageOf(error), rtt_ms: null };
  }
}
