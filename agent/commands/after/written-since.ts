import type { Removal } from '../../engine/engine.ts';
import { isPath } from '../../engine/tree.ts';
import { ranSinceRest } from '../cutover/rest.ts';
import type { CommandContext } from '../runner/context.ts';

/**
 * Returns the volumes and bind mounts that a purge must keep, with the reason: somebody started the kept copy, or a
 * one-off run on its data, so what was written then exists only there. Remembered in the ledger, since the containers
 * that show it get removed. `copySeen`: the control plane saw it run, which outlives the engine's own short memory.
 * Empty if nothing ran.
 */
export async function keptForWrites(
  trees: string[],
  copySeen: boolean,
  context: CommandContext,
): Promise<Removal['remaining']> {
  const why = await doubtOf(copySeen, context);
  return why === null ? [] : trees.map((name) => ({ what: isPath(name) ? name : `volume ${name}`, why }));
}

async function doubtOf(copySeen: boolean, context: CommandContext): Promise<string | null> {
  const check = 'what was written then exists only here: check it, and delete it by hand';
  const ran = await rememberWriters(context);
  if (ran.length > 0) return `${ran.join(', ')} ran on it after the move, and ${check}`;
  if (copySeen) return `the copy was seen running after the move, and ${check}`;
  const stoppedAt = context.ledger.find(context.migrationId)?.stopped_at_ms ?? 0;
  if (Date.now() >= stoppedAt) return null;
  return "this host's clock was set back since the move, so it is unknown what ran on it: check it, and delete it by hand";
}

/** Returns and records the names of everything that has run on the data since it was recorded at rest. */
export async function rememberWriters(context: CommandContext): Promise<string[]> {
  const { ledger, migrationId } = context;
  const entry = ledger.find(migrationId);
  if (!entry?.stopped) return [];
  const ran = [...new Set([...entry.ran_since, ...(await ranSinceRest(entry, context))])];
  if (ran.length > entry.ran_since.length)
    await ledger.amend(migrationId, (draft) => {
      draft.ran_since = ran;
    });
  return ran;
}
