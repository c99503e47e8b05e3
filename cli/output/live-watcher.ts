import { createLogUpdate } from 'log-update';
import type { MigrationView, ProgressView } from '../../schema/api/migrations.ts';
import { duration } from '../../schema/units.ts';
import { laneLines, speedometer } from './lanes.ts';
import { cut, pad } from './layout.ts';
import { migrationLines, route, statusStyle } from './migration.ts';
import type { Terminal } from './terminal.ts';
import type { Watcher } from './watcher.ts';

const repaintMs = 200;

/** Repaints steps and volumes in place; at the end the summary replaces them. */
export function liveWatcher(term: Terminal): Watcher {
  const canvas = createLogUpdate(process.stdout);
  const speed = speedometer();
  let view: MigrationView | null = null;
  let progress: ProgressView | null = null;
  let closed = false;

  const paint = () => {
    if (view) canvas(frame(term, view, progress, (item) => speed.of(item)).join('\n'));
  };
  const timer = setInterval(paint, repaintMs);
  return {
    state(next) {
      if (next.status !== view?.status) progress = next.progress;
      view = next;
      paint();
    },
    entered() {},
    progress(next) {
      progress = next;
      speed.see(next);
    },
    told(line) {
      canvas.clear();
      term.out(`  ${term.paint('yellow', '!')} ${line}`);
      paint();
    },
    close(end) {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      canvas.clear();
      canvas.done();
      if (end) term.out(...migrationLines(term, end));
    },
  };
}

function frame(
  term: Terminal,
  view: MigrationView,
  progress: ProgressView | null,
  speedOf: (item: string) => number | null,
): string[] {
  const width = term.columns() - 1;
  const lines = [term.paint('bold', cut(route(view), width)), term.paint('dim', view.id)];
  for (const { name, status, started_at, ended_at } of view.steps) {
    if (!started_at) continue;
    const took = duration((ended_at ? Date.parse(ended_at) : Date.now()) - Date.parse(started_at));
    const style = status === 'failed' ? 'red' : status === 'running' ? 'cyan' : 'green';
    lines.push(`  ${term.paint(style, pad(status, 8))} ${pad(name, 14)} ${took}`);
    if (status === 'running' && progress) lines.push(...laneLines(term, progress, speedOf));
  }
  if (!view.steps.some(({ status }) => status === 'running'))
    lines.push(`  ${term.paint(statusStyle(view.status), view.status.replaceAll('_', ' '))}`);
  return lines;
}
