import { join } from 'node:path';
import { z } from 'zod';
import { type Outcome, unknownOutcome } from '../schema/agent-protocol.ts';
import { type Command, type CommandKind, commandKindNames } from '../schema/commands.ts';
import { limits } from '../schema/limits.ts';
import { type AppendedFile, type Disk, nodeDisk } from './disk.ts';

/**
 * The commands of this host and their outcomes, on disk before they are reported. JSON lines, appended and synced:
 *
 *   begun   before the command touches anything
 *   done    with its outcome, before the outcome is sent
 *   acked   the control plane has the outcome
 *   epoch   kept of a migration whose commands were compacted away
 */
const record = z.discriminatedUnion('phase', [
  z.object({
    phase: z.literal('begun'),
    id: z.string(),
    migration_id: z.string(),
    epoch: z.number(),
    kind: z.enum(commandKindNames),
    at: z.number(),
  }),
  z.object({ phase: z.literal('done'), id: z.string(), outcome: unknownOutcome }),
  z.object({ phase: z.literal('acked'), id: z.string() }),
  z.object({ phase: z.literal('epoch'), migration_id: z.string(), epoch: z.number() }),
]);
type Line = z.infer<typeof record>;

interface Entry {
  id: string;
  migration_id: string;
  epoch: number;
  kind: CommandKind;
  at: number;
  outcome: Outcome | null;
  acked: boolean;
}

export interface CommandJournal {
  outcomeOf(id: string): Outcome | null;
  /** True if this id belongs to a different command, whose outcome must not answer this one. */
  isAnother(command: Pick<Command, 'id' | 'migration_id' | 'epoch' | 'kind'>): boolean;
  /** Returns the newest epoch seen of this migration, 0 if none. */
  epochOf(migrationId: string): number;
  /** Resolves once the command is on disk as begun. No-op for a repeat. */
  begin(command: Pick<Command, 'id' | 'migration_id' | 'epoch' | 'kind'>): Promise<void>;
  /** Resolves once the outcome is on disk; only then may it be sent. */
  finish(id: string, outcome: Outcome): Promise<void>;
  acknowledge(id: string): Promise<void>;
  /** Outcomes that the control plane has not acknowledged, oldest first. */
  owed(): { command_id: string; outcome: Outcome }[];
  close(): Promise<void>;
}

/** Opens the journal in the state directory, skips torn records, and rewrites it compacted. */
export async function openCommandJournal(
  stateDir: string,
  options: { bytesMax?: number; now?: () => number; disk?: Disk } = {},
): Promise<CommandJournal> {
  const bytesMax = options.bytesMax ?? limits.agent.journalBytesMax;
  const now = options.now ?? Date.now;
  const disk = options.disk ?? nodeDisk;
  await disk.list(stateDir);
  const path = join(stateDir, 'journal.jsonl');
  const entries = new Map<string, Entry>();
  const epochs = new Map<string, number>();
  for (const line of await readWholeRecords(disk, path)) apply(line, entries, epochs);

  let file: AppendedFile | null = null;
  let bytes = 0;
  let tail: Promise<unknown> = Promise.resolve();

  const compact = async (keepBytes: number) => {
    forget(entries, now() - limits.agent.journalKeepMs, keepBytes);
    const text = [...epochLines(epochs), ...[...entries.values()].flatMap(linesOf)].map(encode).join('');
    await file?.close();
    await disk.replace(path, text);
    file = await disk.openToAppend(path);
    bytes = Buffer.byteLength(text);
  };

  const append = (line: Line) => {
    const written = tail.then(async () => {
      const text = encode(line);
      await file?.append(text);
      bytes += Buffer.byteLength(text);
      apply(line, entries, epochs);
      if (bytes > bytesMax) await compact(bytesMax / 2);
    });
    tail = written.catch(() => {});
    return written;
  };

  await compact(bytesMax / 2);
  return {
    outcomeOf: (id) => entries.get(id)?.outcome ?? null,
    isAnother: ({ id, migration_id, epoch, kind }) => {
      const known = entries.get(id);
      return (
        known !== undefined && (known.migration_id !== migration_id || known.epoch !== epoch || known.kind !== kind)
      );
    },
    epochOf: (migrationId) => epochs.get(migrationId) ?? 0,
    begin: async ({ id, migration_id, epoch, kind }) => {
      if (!entries.has(id)) await append({ phase: 'begun', id, migration_id, epoch, kind, at: now() });
    },
    finish: (id, outcome) => append({ phase: 'done', id, outcome }),
    acknowledge: async (id) => {
      const entry = entries.get(id);
      if (entry?.outcome && !entry.acked) await append({ phase: 'acked', id });
    },
    owed: () =>
      [...entries.values()].flatMap(({ id, outcome, acked }) =>
        outcome && !acked ? [{ command_id: id, outcome }] : [],
      ),
    close: async () => {
      await tail;
      await file?.close();
      file = null;
    },
  };
}

function apply(line: Line, entries: Map<string, Entry>, epochs: Map<string, number>): void {
  if (line.phase === 'epoch' || line.phase === 'begun') {
    epochs.set(line.migration_id, Math.max(epochs.get(line.migration_id) ?? 0, line.epoch));
  }
  if (line.phase === 'begun') {
    const { phase: _, ...begun } = line;
    entries.set(line.id, { ...begun, outcome: null, acked: false });
  }
  const entry = line.phase === 'done' || line.phase === 'acked' ? entries.get(line.id) : undefined;
  if (entry && line.phase === 'done') entry.outcome = line.outcome;
  if (entry && line.phase === 'acked') entry.acked = true;
}

/** Drops acknowledged commands only: those older than `before`, then the oldest until the rest fits. */
function forget(entries: Map<string, Entry>, before: number, keepBytes: number): void {
  const size = (entry: Entry) => Buffer.byteLength(linesOf(entry).map(encode).join(''));
  let total = [...entries.values()].reduce((sum, entry) => sum + size(entry), 0);
  for (const entry of [...entries.values()]) {
    if (!entry.acked || (entry.at >= before && total <= keepBytes)) continue;
    entries.delete(entry.id);
    total -= size(entry);
  }
}

function linesOf({ outcome, acked, ...begun }: Entry): Line[] {
  const lines: Line[] = [{ phase: 'begun', ...begun }];
  if (outcome) lines.push({ phase: 'done', id: begun.id, outcome });
  if (acked) lines.push({ phase: 'acked', id: begun.id });
  return lines;
}

function epochLines(epochs: Map<string, number>): Line[] {
  return [...epochs].map(([migration_id, epoch]) => ({ phase: 'epoch', migration_id, epoch }));
}

function encode(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

/** Skips a record that was torn by a power loss: it was never acted on (F42). */
async function readWholeRecords(disk: Disk, path: string): Promise<Line[]> {
  const text = (await disk.read(path)) ?? '';
  return text.split('\n').flatMap((line) => {
    try {
      const parsed = record.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}
