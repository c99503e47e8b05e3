import type { MigrationView, ProgressView } from '../../schema/api/migrations.ts';

/** Displays a followed migration. */
export interface Watcher {
  /** The latest state. */
  state(view: MigrationView): void;
  /** Called for every status the migration enters. */
  entered(status: string): void;
  progress(progress: ProgressView): void;
  /** Prints a permanent line. */
  told(line: string): void;
  /** Prints the summary; null if the watch ends before the migration does. */
  close(end: MigrationView | null): void;
}
