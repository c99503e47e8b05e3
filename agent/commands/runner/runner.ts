import type { Log } from '../../../node/log.ts';
import type { Outcome } from '../../../schema/agent-protocol.ts';
import type { Command } from '../../../schema/commands.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { CommandJournal } from '../../command-journal.ts';
import { AgentEnds } from '../../transfer/rejection.ts';
import { failureOf } from './failure.ts';

interface Running {
  command: Command;
  abort: AbortController;
  /** Settles, never rejects, once the command has ended and its outcome is on disk. */
  ended: Promise<void>;
}

export interface CommandRunner {
  /** Accepts a command, or its repeat, from the control plane. */
  receive(command: Command): void;
  state(commandId: string): 'running' | 'done' | 'unknown';
  idle(): boolean;
  /** How many commands have begun. */
  begun(): number;
  /** Drops what it receives from now on, as after `close`: the control plane sends it again. Only if idle. */
  shut(): void;
  /** Aborts running commands and leaves them begun in the journal; the next start runs them again. */
  close(): Promise<void>;
}

/**
 * At-least-once delivery, exactly-once effect. A repeat of a finished command returns its stored outcome (F8), an older
 * epoch is refused (F9), and a newer epoch aborts commands of older ones and waits for them to end. Commands of one
 * migration run one after another, those of different migrations in parallel.
 */
export function createCommandRunner(options: {
  journal: CommandJournal;
  perform: (command: Command, signal: AbortSignal) => Promise<unknown>;
  onOutcome: (commandId: string, outcome: Outcome) => void;
  onAlive: (command: Command) => void;
  log: Log;
}): CommandRunner {
  const { journal, log } = options;
  const running = new Map<string, Running>();
  /** Newest epoch received, possibly not yet in the journal. */
  const newest = new Map<string, number>();
  let closing = false;
  let begun = 0;

  const isStale = ({ migration_id, epoch }: Command) =>
    epoch < Math.max(newest.get(migration_id) ?? 0, journal.epochOf(migration_id));

  const perform = async (command: Command, signal: AbortSignal): Promise<Outcome> => {
    const migrationLog = log.of(command.migration_id, command.trace_id);
    const alive = setInterval(() => options.onAlive(command), limits.agent.aliveIntervalMs);
    migrationLog.info(`${command.kind} begins`, { command: command.id, epoch: command.epoch });
    try {
      signal.throwIfAborted();
      const data = await options.perform(command, signal);
      migrationLog.info(`${command.kind} is done`);
      return { ok: true, data };
    } catch (error) {
      migrationLog.error(`${command.kind} failed`, { error });
      return failureOf(error, log, command.migration_id, signal);
    } finally {
      clearInterval(alive);
    }
  };

  const execute = async (command: Command, signal: AbortSignal): Promise<void> => {
    if (isStale(command)) return options.onOutcome(command.id, stale(command));
    try {
      await journal.begin(command);
      const outcome = await perform(command, signal);
      if (closing) return;
      await journal.finish(command.id, outcome);
      options.onOutcome(command.id, outcome);
    } catch (error) {
      // The journal can't be written, so nothing may be reported as done.
      log.of(command.migration_id).error('the journal could not be written', { error });
      options.onOutcome(command.id, failureOf(error, log, command.migration_id));
    }
  };

  const begin = (command: Command) => {
    begun += 1;
    const before = [...running.values()].filter((other) => other.command.migration_id === command.migration_id);
    for (const other of before) {
      if (other.command.epoch < command.epoch) other.abort.abort(superseded());
    }
    newest.set(command.migration_id, Math.max(newest.get(command.migration_id) ?? 0, command.epoch));
    const abort = new AbortController();
    const ended = Promise.all(before.map((other) => other.ended))
      .then(() => (closing ? undefined : execute(command, abort.signal)))
      .finally(() => {
        running.delete(command.id);
        if (journal.epochOf(command.migration_id) >= command.epoch) newest.delete(command.migration_id);
      });
    running.set(command.id, { command, abort, ended });
  };

  return {
    receive: (command) => {
      if (closing || running.has(command.id)) return;
      if (journal.isAnother(command)) return options.onOutcome(command.id, reused(command));
      const stored = journal.outcomeOf(command.id);
      if (stored) return options.onOutcome(command.id, stored);
      if (isStale(command)) return options.onOutcome(command.id, stale(command));
      if (running.size >= limits.agent.commandsMax) return log.warn('too many commands at once, one was dropped');
      begin(command);
    },
    state: (commandId) => {
      if (running.has(commandId)) return 'running';
      return journal.outcomeOf(commandId) ? 'done' : 'unknown';
    },
    idle: () => running.size === 0,
    begun: () => begun,
    shut: () => {
      closing ||= running.size === 0;
    },
    close: async () => {
      closing = true;
      for (const { abort } of running.values()) abort.abort(new AgentEnds());
      const ended = Promise.all([...running.values()].map((entry) => entry.ended));
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, limits.agent.closeMsMax).unref())]);
    },
  };
}

function superseded(): StackferryError {
  return new StackferryError('epoch_stale', 'A newer command of this migration took its place.');
}

function reused(command: Command): Outcome {
  const message = `This host has a different command with the id of "${command.kind}", and rejected this one. Was the control plane's database restored to an earlier moment?`;
  return { ok: false, error: { code: 'epoch_stale', message, log_tail: [] } };
}

function stale(command: Command): Outcome {
  return {
    ok: false,
    error: { code: 'epoch_stale', message: `"${command.kind}" is of an older epoch and was refused.`, log_tail: [] },
  };
}
