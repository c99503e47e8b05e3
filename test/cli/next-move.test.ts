import { describe, expect, test } from 'vitest';
import { nextMove } from '../../cli/output/next-move.ts';
import { reportLines } from '../../cli/output/report.ts';
import type { Terminal } from '../../cli/output/terminal.ts';
import type { Lift } from '../../schema/lift.ts';
import { type Check, report } from '../../schema/preflight-report.ts';

const terminal: Terminal = {
  ...{ json: false, live: true, interactive: true, unicode: true, columns: () => 80, paint: (_, text) => text },
  ...{ out: () => {}, err: () => {}, document: () => {} },
};
const failing = (lifted: Partial<Record<Check['name'], Lift[]>>, inputs = {}) =>
  report.parse({
    passed: false,
    checks: Object.entries(lifted).map(([name, lifted_by]) => ({
      ...{ name, status: 'fail', detail: 'It is not so.', measured: {}, lifted_by },
    })),
    ...{ notes: [], plan: null, needs: null, made_at: 0 },
    inputs: {
      ...{ stack_id: 's', source_host_id: 'a', target_host_id: 'b', sizing: 'host', mode: 'stop-copy', ...inputs },
    },
  });

describe('a report that failed', () => {
  const moving: Lift = { with_external: true, binds: ['/srv/media', "/srv/it's"] };
  const accepting: Lift = { with_external: true, accept_unmoved: true };

  test('names the whole next command on a line of its own, however long, and what else would do', () => {
    const found = failing(
      { target_capacity: [{ sizing: 'stack' }], compose_supported: [moving, accepting] },
      { mode: 'pre-copy', binds: ['/opt/x'] },
    );
    const asked = { stack: 'shop', to: 'b', from: 'a', flags: ['--watch'] };
    const lines = nextMove(terminal, asked, found);
    const begin = 'stackferry migrate shop --to b --from a --mode pre-copy --sizing stack --bind /opt/x';
    expect(lines.slice(0, 2)).toEqual([
      `Next: ${begin} --bind /srv/media --bind '/srv/it'\\''s' --with-external --watch`,
      `  or: ${begin} --accept-unmoved --with-external --watch`,
    ]);
    expect(lines.join(' ')).toMatch(/--accept-unmoved +proceed although/);
  });

  test('repeats what is to be left out', () => {
    const exclude = ['/srv/media/**/*.part', '/srv/it is'];
    const [line] = nextMove(
      terminal,
      { stack: 'shop', to: 'b' },
      failing({ compose_supported: [moving] }, { exclude }),
    );
    expect(line).toContain(`--exclude '/srv/media/**/*.part' --exclude '/srv/it is' --with-external`);
  });

  test('repeats ports and names', () => {
    const inputs = { forward: true, proxy_protocol: [8080], cutover_dns: ['example.com/shop.example.com'] };
    const found = failing({ compose_supported: [moving] }, inputs);
    const [line] = nextMove(terminal, { stack: 'shop', to: 'b' }, found);
    expect(line).toContain('--proxy-protocol 8080 --on-cutover-dns example.com/shop.example.com --forward');
  });

  test('begins with what could move the stack, or what has to be fixed first', () => {
    const [first] = reportLines(terminal, failing({ compose_supported: [{ with_external: true }] }));
    expect(first).toBe('It can’t move as asked; it could with: --with-external');
    const [plain] = reportLines(
      terminal,
      failing({ engine_compatible: [{ mode: 'stop-copy' }] }, { mode: 'pre-copy' }),
    );
    expect(plain).toBe('It can’t move as asked; it could with: --mode stop-copy');
    const mixed = failing({ ports_free: [], compose_supported: [moving] });
    expect(reportLines(terminal, mixed).slice(0, 2).join(' ')).toBe(
      'It can’t move as things are: what ports_free found has to be fixed first. ',
    );
    expect(nextMove(terminal, { stack: 'shop', to: 'b' }, mixed)).toEqual([]);
  });

  test('R9: leaves the values of variables to be filled in, and repeats those given', () => {
    const found = failing({ config_current: [{ env: ['HOME'] }] }, { env: ['DATA=/srv/a b'] });
    expect(nextMove(terminal, { stack: 'shop', to: 'b' }, found)[0]).toBe(
      "Next: stackferry migrate shop --to b --env 'DATA=/srv/a b' --env 'HOME=…'",
    );
  });

  test('of a control plane of the release before names nothing', () => {
    const { checks, ...rest } = failing({ ports_free: [] });
    const older = report.parse({ ...rest, checks: checks.map(({ lifted_by: _, ...check }) => check) });
    expect(nextMove(terminal, { stack: 'shop', to: 'b' }, older)).toEqual([]);
  });
});
