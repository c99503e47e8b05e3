import type { Outcome } from '../../schema/agent-protocol.ts';
import type { Command, CommandKind } from '../../schema/commands.ts';
import type { StackSummary } from '../../schema/facts.ts';
import type { Status } from '../../schema/migration-status.ts';
import type { FalseHost, Script } from '../hostile/false-host.ts';
import { stackFacts } from '../saga/preflight/well-facts.ts';
import { failure, goodAnswers } from '../saga/story.ts';

/** Migrations as a control plane may hold them when it is stopped for an upgrade, each of a stack of its own. */
export interface InFlight {
  stack: string;
  status: Status;
  /** Commands that nobody has answered yet. */
  held: CommandKind[];
  /** A command that failed. */
  failed?: CommandKind;
  options?: Record<string, unknown>;
  /** A rollback has begun. */
  rollingBack?: true;
  /** Where it comes to after the upgrade; null for what waits for a person in the safety window. */
  end: Status | null;
}

export const inFlight: InFlight[] = [
  {
    stack: 'in-pre-copy',
    status: 'preparing',
    held: ['warm_source', 'warm_target'],
    options: { mode: 'pre-copy' },
    end: 'completed',
  },
  { stack: 'in-transfer', status: 'transferring', held: ['send_volumes', 'receive_volumes'], end: 'completed' },
  { stack: 'in-verification', status: 'verifying', held: ['verify_health'], end: 'completed' },
  { stack: 'in-window', status: 'completed', held: [], end: null },
  { stack: 'in-clean-up', status: 'failed', held: ['cleanup_target'], failed: 'verify_health', end: 'failed' },
  { stack: 'in-rollback', status: 'rolling_back', held: ['halt_target'], rollingBack: true, end: 'rolled_back' },
];

/** Answers everything well, but what is held and what fails. `of` tells which migration a command belongs to. */
export const script = (of: (command: Command) => InFlight | null): Script => ({
  command: (command): Promise<Outcome> | Outcome => {
    const about = of(command);
    if (about?.held.includes(command.kind)) return new Promise<Outcome>(() => {});
    if (about?.failed === command.kind) return { ok: false, error: failure };
    return { ok: true, data: goodAnswers[command.kind] };
  },
  inspect: (project) => ({ ...stackFacts, project }),
});

export function reportStacks(host: FalseHost): void {
  host.say({ type: 'inventory', stacks: inFlight.map(({ stack }) => summaryOf(stack)) });
}

const summaryOf = (project: string): StackSummary => ({
  project,
  plain: false,
  working_dir: stackFacts.working_dir,
  config_files: stackFacts.config_files,
  services: stackFacts.services.map(({ name, image }) => ({ name, image: image.reference, running: 1, total: 1 })),
  volumes: stackFacts.volumes.map(({ name }) => name),
  ports: [],
  bind_mounts: [],
  running: true,
});
