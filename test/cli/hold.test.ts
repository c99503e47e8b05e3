import { describe, expect, it } from 'vitest';
import { zonedTime } from '../../cli/command-parts.ts';
import { migrationLines } from '../../cli/output/migration.ts';
import type { Terminal } from '../../cli/output/terminal.ts';
import { nextCommands } from '../../cli/output/what-next.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';

const terminal: Terminal = {
  ...{ json: false, live: true, interactive: true, unicode: true, columns: () => 100 },
  paint: (_, text) => text,
  ...{ out: () => {}, err: () => {}, document: () => {} },
};
const time = '2026-12-01T00:00:00.000Z';
const holding = (hold: Partial<NonNullable<MigrationView['hold']>> = {}) =>
  ({
    ...{ id: 'mig_1', stack: { id: 'stack_1', name: 'shop' }, source_host_id: 'old', target_host_id: 'new' },
    ...{ mode: 'pre-copy', verify: 'content', sizing: 'host', status: 'holding', steps: [], progress: null },
    hold: {
      ...{ cut_over_at: null, cutting_over: false, changes: [] },
      last_pass: { ended_at: time, bytes: 2_048, seconds: 1.4 },
      ...hold,
    },
    ...{ left_out: [], failure: null, attention: null, window: null, rollback: null, owed: [] },
    ...{ forwarding: null, names: [] },
    ...{ created_at: time, updated_at: time, ended_at: null },
  }) as unknown as MigrationView;
const shown = (view: MigrationView) => migrationLines(terminal, view).join('\n');
const offered = (view: MigrationView) => nextCommands(view).map(([command]) => command);

describe('`show` of a migration that holds', () => {
  it('tells the latest pass, what a cutover would cost, and how to ask for it', () => {
    const text = shown(holding());
    expect(text).toMatch(/latest pass +2\.0 KiB in 1\.4 s/);
    expect(text).toContain('downtime if you cut over now: about 1.4 s');
    expect(text).toMatch(/cut over +when you say so/);
    expect(offered(holding())[0]).toBe('stackferry cutover mig_1');
  });

  it('names what has changed, and offers no cutover then, nor twice', () => {
    const changed = holding({ changes: ['service web was stopped'] });
    expect(shown(changed)).toMatch(/changed +service web was stopped/);
    for (const view of [changed, holding({ cutting_over: true })])
      expect(offered(view)).not.toContain('stackferry cutover mig_1');
  });
});

describe('a time', () => {
  it.each([
    ['2026-12-01T03:00+01:00', '2026-12-01T02:00:00.000Z'],
    ['2026-12-01 03:00:30Z', '2026-12-01T03:00:30.000Z'],
  ])('%s is %s', (text, at) => {
    expect(zonedTime(text)).toBe(at);
  });

  it.each(['03:00', '2026-12-01T03:00', '2026-13-01T03:00Z', 'tomorrow'])('%s is none, or has no zone', (text) => {
    expect(() => zonedTime(text)).toThrow(/with its zone/);
  });
});
