import type { ControlLink } from '../../../node/control-link.ts';
import { sleep } from '../../../node/sleep.ts';
import type { Outcome } from '../../../schema/agent-protocol.ts';
import type { Command, CommandKind } from '../../../schema/commands.ts';
import { errorMessageOf } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import { goodAnswers } from '../../saga/story.ts';
import type { Meter } from './meter.ts';

/** How long the commands of a small stack take on a real host, about; all others are done at once. */
const workMs: Partial<Record<CommandKind, number>> = {
  ...{ stop_stack: 500, send_volumes: 10_000, receive_volumes: 10_000, deploy: 1_000, verify_health: 1_000 },
};
/** The last command of target and source, of a migration that completed and of one that was undone. */
const lastKinds: readonly CommandKind[] = ['arm_target', 'retain_source', 'cleanup_target', 'restore_source'];

/** Stacks by name; false: stopped. */
export type Stacks = Map<string, boolean>;

/** What a command changes of the stacks that its host lists. */
const effects: Partial<Record<CommandKind, (stacks: Stacks, project: string) => void>> = {
  stop_stack: (stacks, project) => stacks.set(project, false),
  restore_source: (stacks, project) => stacks.set(project, true),
  retain_source: (stacks, project) => stacks.delete(project),
  deploy: (stacks, project) => stacks.set(project, true),
  stop_target: (stacks, project) => stacks.delete(project),
};

export interface LightCommands {
  receive(command: Command): void;
  owed(): { command_id: string; outcome: Outcome }[];
  acknowledge(commandId: string): void;
  /** No command runs, and every outcome was taken. */
  idle(): boolean;
  stateOf(commandId: string): 'running' | 'done' | 'unknown';
}

/** Performs commands without an engine: with the questions, reports and time that the real ones take, and a good end. */
export function createLightCommands(
  link: () => Pick<ControlLink, 'ask' | 'report' | 'sendResult'>,
  stacks: Stacks,
  meter: Meter,
): LightCommands {
  /** Without an outcome: running. */
  const known = new Map<string, { command: Command; outcome: Outcome | null; acknowledged: boolean }>();

  /** As patient as a lane that dials. */
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    const { reconnectMsMax, reconnectDelayMsMax } = limits.stream;
    for (const giveUp = performance.now() + reconnectMsMax; ; ) {
      try {
        return await question();
      } catch (error) {
        if (performance.now() > giveUp) throw error;
        meter.repeated += 1;
        await sleep(Math.random() * reconnectDelayMsMax);
      }
    }
  };

  const perform = async (command: Command): Promise<unknown> => {
    const { id: command_id, migration_id, epoch, kind } = command;
    const lanes = lanesOf(command);
    for (const lane of lanes) await ask(() => link().ask('ticket', { migration_id, lane }));
    effects[kind]?.(stacks, projectOf(command));
    if (kind === 'deploy') {
      const { granted } = await ask(() => link().ask('lease', { migration_id, epoch }));
      if (!granted) throw new Error(`${migration_id} got no lease`);
    }
    const items = lanes.map((lane) => ({ lane, bytes_done: 5, bytes_total: 10 }));
    const report = () => link().report({ type: 'progress', migration_id, command_id, items });
    const { progressIntervalMs, aliveIntervalMs } = limits.agent;
    const reports = setInterval(report, lanes.length > 0 ? progressIntervalMs : aliveIntervalMs);
    await sleep(workMs[kind] ?? 0);
    clearInterval(reports);
    return goodAnswers[kind];
  };

  const outcomeOf = (command: Command): Promise<Outcome> =>
    perform(command).then(
      (data) => ({ ok: true, data }),
      (error) => {
        const message = errorMessageOf(error);
        meter.faults.push(`${command.kind}: ${message}`);
        return { ok: false, error: { code: 'command_failed', message, log_tail: [] } };
      },
    );

  return {
    receive: async (command) => {
      const before = known.get(command.id);
      if (before?.outcome) return link().sendResult(command.id, before.outcome);
      if (before) return;
      const entry = { command, outcome: null as Outcome | null, acknowledged: false };
      known.set(command.id, entry);
      entry.outcome = await outcomeOf(command);
      link().sendResult(command.id, entry.outcome);
    },
    owed: () =>
      [...known].flatMap(([command_id, { outcome, acknowledged }]) =>
        outcome && !acknowledged ? [{ command_id, outcome }] : [],
      ),
    acknowledge: (commandId) => {
      const entry = known.get(commandId);
      if (!entry || entry.acknowledged) return;
      entry.acknowledged = true;
      if (lastKinds.includes(entry.command.kind)) meter.tookLast(entry.command.migration_id, performance.now());
    },
    idle: () => [...known.values()].every(({ acknowledged }) => acknowledged),
    stateOf: (commandId) => {
      const entry = known.get(commandId);
      if (!entry) return 'unknown';
      return entry.outcome ? 'done' : 'running';
    },
  };
}

/** Lanes that are dialled for the command. */
function lanesOf({ kind, payload }: Command): string[] {
  if (kind === 'send_volumes' || kind === 'receive_volumes')
    return (payload as { items: { lane: string }[] }).items.map(({ lane }) => lane);
  return kind === 'send_project' || kind === 'receive_project' ? ['project'] : [];
}

function projectOf({ payload }: Command): string {
  const { project, deployment } = payload as { project?: string; deployment?: { project: string } };
  return project ?? deployment?.project ?? '';
}
