import type { MigrationView } from '../../schema/api/migrations.ts';
import { hostName, keptCopy } from '../../schema/migration-places.ts';
import { duration } from '../../schema/units.ts';
import type { StackView } from '../find.ts';

/** What Stackferry loses sight of when a host is deleted, each thing by name. `migrations`: those that keep a copy there. */
export function holdings(stacks: readonly StackView[], migrations: readonly MigrationView[]): string[] {
  const kept = migrations.filter((migration) => keptCopy(migration) !== null);
  if (stacks.length + kept.length === 0) return ['It holds no stack and no kept copy.'];
  return [
    'It still holds:',
    ...stacks.map(
      ({ name, summary }) =>
        `- ${name}, ${summary.running ? 'running' : 'not running'}: it stays on the machine, and is no longer listed, moved or watched.`,
    ),
    ...kept.map((migration) => `- ${copyOf(migration)} It stays on the machine, for you to remove by hand.`),
  ];
}

function copyOf(migration: MigrationView): string {
  const { stack, status, window } = migration;
  if (status === 'rolled_back') return `the kept copy of ${stack.name}, left when it was rolled back.`;
  const moved = `the kept copy of ${stack.name}, which moved to ${hostName(migration, 'target')}`;
  if (!window?.open) return `${moved}.`;
  const left = duration(Date.parse(window.ends_at) - Date.now());
  return `${moved} and can be rolled back for ${left} more: then no longer.`;
}
