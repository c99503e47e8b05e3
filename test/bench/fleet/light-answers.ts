import type { Outcome, RequestAnswer, RequestKind, RequestPayload } from '../../../schema/agent-protocol.ts';
import { requestKinds } from '../../../schema/agent-protocol.ts';
import type { StackSummary } from '../../../schema/facts.ts';
import type { Resources } from '../../../schema/host-facts.ts';
import { hostFacts, stackFacts, targetFacts } from '../../saga/preflight/well-facts.ts';

const tib = 2 ** 40;

/** Of a host that has room for everything; what is in use changes all the time, as it does on an idle host. */
export function resourcesNow(): Resources {
  const used_bytes = Math.round((4 + Math.random() / 8) * 2 ** 30);
  return {
    memory: { total_bytes: tib, used_bytes, free_bytes: tib - used_bytes },
    disk: { path: '/var/lib/docker', total_bytes: 8 * tib, used_bytes, free_bytes: 8 * tib - used_bytes },
    cpu: { cores: 16, load_1m: Math.round(Math.random() * 50) / 100 },
  };
}

/** A stack as the inventory lists it. */
export const summaryOf = (project: string, running: boolean): StackSummary => ({
  ...{ project, plain: false, working_dir: `/srv/${project}`, config_files: ['compose.yaml'], running },
  services: stackFacts.services.map(({ name }) => ({ name, image: 'nginx:1', running: running ? 1 : 0, total: 1 })),
  volumes: stackFacts.volumes.map(({ name }) => name),
  ports: stackFacts.services.flatMap(({ ports }) => ports),
  bind_mounts: [],
});

type StateOf = (commandId: string) => RequestAnswer<'command_status'>['state'];

const answers: { [K in RequestKind]: (asked: RequestPayload<K>, stateOf: StateOf) => RequestAnswer<K> } = {
  probe: ({ relays }) => ({
    ...hostFacts(),
    resources: resourcesNow(),
    relays: relays.map(({ id }) => ({ id, reachable: true, detail: '', rtt_ms: null })),
  }),
  inspect_stack: ({ project }) => ({ ...stackFacts, project, working_dir: `/srv/${project}` }),
  check_target: ({ stack }) => ({ ...targetFacts, project_path: stack.working_dir }),
  check_logins: () => ({ logins: [] }),
  traffic: () => ({ traffic: null }),
  command_status: ({ command_id }, stateOf) => ({ state: stateOf(command_id) }),
  limit_bandwidth: () => ({}),
  upgrade: () => ({}),
};

/** Answers as a host on which all is well. */
export function answerTo({ kind, payload }: { kind: RequestKind; payload: unknown }, stateOf: StateOf): Outcome {
  const asked = requestKinds[kind].payload.parse(payload);
  return { ok: true, data: answers[kind](asked as never, stateOf) };
}
