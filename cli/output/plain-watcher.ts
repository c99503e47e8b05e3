import type { ProgressView } from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';
import { clock, rate, share } from '../../schema/units.ts';
import { percentOf, speedometer } from './lanes.ts';
import { migrationLines, route } from './migration.ts';
import type { Terminal } from './terminal.ts';
import type { Watcher } from './watcher.ts';

/** Prints progress as consecutive lines: for logs, pipes and dumb terminals. */
export function plainWatcher(term: Terminal): Watcher {
  const speed = speedometer();
  let shown: string | null = null;
  let saidAt = 0;
  let closed = false;
  const enter = (status: string) => {
    if (status !== shown) term.out(status);
    shown = status;
    saidAt = 0;
  };
  return {
    state(view) {
      if (shown !== null) return;
      term.out(`${view.id}: ${route(view)}`);
      enter(view.status);
    },
    entered: enter,
    progress(progress) {
      speed.see(progress);
      if (Date.now() - saidAt < limits.cli.plainProgressMs) return;
      saidAt = Date.now();
      term.out(...progress.items.map((item) => laneText(item, speed.of(item.item))));
    },
    told: (line) => term.out(`  ! ${line}`),
    close(end) {
      if (closed) return;
      closed = true;
      if (end) term.out('', ...migrationLines(term, end));
    },
  };
}

function laneText({ item, bytes_done, bytes_total }: ProgressView['items'][number], speed: number | null): string {
  const pace = speed && bytes_done !== bytes_total ? `, ${rate(speed)}` : '';
  if (bytes_total === null) return `  ${item}: ${share(bytes_done, null)}${pace}`;
  const part = percentOf(bytes_done, bytes_total);
  const left = pace && speed ? `, ${clock(((bytes_total - bytes_done) / speed) * 1000)} left` : '';
  return `  ${item}: ${share(bytes_done, bytes_total)} (${part}%)${pace}${left}`;
}
