import { describe, expect, it } from 'vitest';
import { migrationLines } from '../../cli/output/migration.ts';
import type { Terminal } from '../../cli/output/terminal.ts';
import { nextCommands } from '../../cli/output/what-next.ts';
import { type MigrationView, migrationView } from '../../schema/api/migrations.ts';
import { report } from '../../schema/preflight-report.ts';

const terminal: Terminal = {
  ...{ json: false, live: true, interactive: true, unicode: true, columns: () => 200 },
  paint: (_, text) => text,
  ...{ out: () => {}, err: () => {}, document: () => {} },
};
const time = '2026-12-01T00:00:00.000Z';
const idOf = (kind: string, n: number) => `${kind}_${String(n).padStart(26, '0')}`;
const [old, fresh, spare] = [idOf('host', 1), idOf('host', 2), idOf('host', 3)];
const here = (id: string, name: string) => ({ home: { id, name } });
const window = {
  ...{ completed_at: time, ends_at: '2999-01-01T00:00:00.000Z', open: true, reminded_at: null, copy_running: false },
  ...{ source_purge: null, target_purge: null },
};
const viewOf = (status: MigrationView['status'], more: object = {}): MigrationView =>
  migrationView.parse({
    ...{
      id: idOf('mig', 1),
      stack: { id: idOf('stack', 1), name: 'shop' },
      source_host_id: old,
      target_host_id: fresh,
    },
    source_host: { name: 'old-server', deleted_at: null },
    target_host: { name: 'new-server', deleted_at: null },
    ...{ mode: 'stop-copy', verify: 'manifest', sizing: 'host', bandwidth_limit: null, status, steps: [] },
    ...{ progress: null, report: null, failure: null, owed: [], attention: null, window: null, rollback: null },
    ...{ created_at: time, updated_at: time, ended_at: time },
    ...more,
  });
const shown = (view: MigrationView) => migrationLines(terminal, view).join('\n');
const offered = (view: MigrationView) => nextCommands(view).map(([command]) => command);

describe('`show` of a migration whose stack has moved on', () => {
  const successor = idOf('mig', 2);
  const moved = viewOf('completed', { window, superseded_by: successor, ...here(spare, 'spare') });

  it('says so, leads to the next one, and offers no rollback', () => {
    expect(shown(moved)).toMatch(/since then +shop has a later migration, and is now on spare$/m);
    expect(offered(moved)).toEqual([`stackferry show ${successor}`, `stackferry purge ${moved.id}`]);
  });

  it('does not offer to delete a copy that is the stack again', () => {
    const back = { ...moved, ...here(old, 'old-server') };
    expect(offered(back)).toEqual([`stackferry show ${successor}`]);
    expect(shown(back)).toMatch(/source copy +the stack itself, which has come back/);
  });
});

describe('`show` of a migration with a deleted host', () => {
  const target_host = { name: 'new-server', deleted_at: time };

  it('names the host, says that it was deleted, and offers nothing that would be refused', () => {
    const view = viewOf('completed', { window, target_host });
    expect(shown(view)).toContain('shop, old-server -> new-server');
    expect(shown(view)).toMatch(/deleted +new-server left the fleet; what it held can no longer be seen or changed/);
    expect(offered(view)).toEqual([`stackferry purge ${view.id}`]);
    expect(offered(viewOf('failed', { target_host, ...here(old, 'old-server') }))).toEqual([]);
  });

  it('names the host that has yet to do something', () => {
    const view = viewOf('completed', { window, owed: [{ host_id: fresh, what: 'set the restart policies' }] });
    expect(shown(view)).toMatch(/owed +new-server has yet to set the restart policies/);
  });
});

describe('the next try of a migration that failed', () => {
  const home = here(old, 'old-server');

  it('is the same command with its options', () => {
    const inputs = {
      ...{ stack_id: 's', source_host_id: old, target_host_id: fresh, sizing: 'stack', mode: 'pre-copy' },
      ...{ binds: ['/srv/media'], exclude: ['/srv/media/cache'], with_external: true, env: ['HOME=/home/ann b'] },
    };
    const made = { passed: true, checks: [], notes: [], plan: null, needs: null, inputs, made_at: 0 };
    const asked = { mode: 'pre-copy', sizing: 'stack', verify: 'manifest', bandwidth_limit: 2_000_000 };
    const view = viewOf('failed', { ...asked, ...home, report: report.parse(made) });
    expect(offered(view)).toEqual([
      'stackferry migrate shop --to new-server --from old-server --mode pre-copy --sizing stack --bind /srv/media ' +
        "--env 'HOME=/home/ann b' --exclude /srv/media/cache --with-external --verify manifest --bandwidth-limit 2000000",
    ]);
  });

  it('has no options where none were used, nor is there one once the stack is elsewhere', () => {
    expect(offered(viewOf('cancelled', home))).toEqual(['stackferry migrate shop --to new-server --from old-server']);
    expect(offered(viewOf('failed', here(spare, 'spare')))).toEqual([]);
  });
});
