import { describe, expect, it } from 'vitest';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { sagaPlanOf } from '../../../worker/saga/preflight/plan.ts';
import { detailOf, facts, failed, type Well } from './spoilt-facts.ts';

const project = 'com.docker.compose.project';

const asked = (with_external: boolean, spoil: (well: Well) => void = () => {}) =>
  facts((w) => {
    const [own] = w.stack.volumes;
    w.stack.volumes = [
      own!,
      { ...own!, name: 'library', external: true, size_bytes: 7_000, labels: { [project]: 'shop', kept: 'yes' } },
    ];
    w.fit.external_volumes_absent = with_external ? [] : ['library'];
    w.rest.inputs.with_external = with_external;
    spoil(w);
  });

describe('R6: an external volume', () => {
  it('that is absent on the target is refused, with the option that moves it', () => {
    const report = judge(asked(false));
    expect(failed(report)).toEqual(['compose_supported']);
    expect(detailOf(report, 'compose_supported')).toContain(
      'external volume library is not on the target (to move it: "with_external": true)',
    );
  });

  it('moves like one of the stack’s own if that is wanted, without the labels of the stack that made it', () => {
    const found = asked(true);
    const report = judge(found);
    expect(report.passed).toBe(true);
    expect(report.notes).toEqual([]);
    expect(report.plan?.items).toContainEqual({ kind: 'volume', name: 'library', size_bytes: 7_000 });
    expect(report.needs?.disk_bytes).toBe((judge(asked(false)).needs?.disk_bytes ?? 0) + 7_000);
    if (!found.stack.ok || !found.fit.ok || !found.source.ok || !found.target.ok) throw new Error('all hosts answer');
    const hosts = { source: found.source.data, target: found.target.data };
    const { volumes } = sagaPlanOf(found.stack.data, found.fit.data, hosts, found.inputs);
    expect(volumes.at(-1)).toMatchObject({ name: 'library', external: false, labels: { kept: 'yes' } });
    expect(volumes.at(-1)?.labels).not.toHaveProperty(project);
  });

  it('that another stack uses does not move', () => {
    const report = judge(
      asked(true, (w) => {
        w.stack.volumes[1]!.also_used_by = ['plex'];
      }),
    );
    expect(detailOf(report, 'compose_supported')).toContain('volume library is also used by plex');
  });

  it('that another stack made, which is only down, does not move', () => {
    const report = judge(
      asked(true, (w) => {
        w.stack.volumes[1]!.labels = { [project]: 'till' };
      }),
    );
    expect(detailOf(report, 'compose_supported')).toContain('library is also used by the stack till, which made it');
  });

  it('that the target has already is not overwritten', () => {
    const report = judge(
      asked(true, (w) => {
        w.fit.volumes_taken = [{ name: 'library', migration_id: null }];
      }),
    );
    expect(failed(report)).toEqual(['volumes_free']);
  });

  it('does not count for what is mounted in it while it stays', () => {
    const nested = (with_external: boolean) =>
      judge(
        asked(with_external, (w) => {
          w.stack.data!.nested_mounts = [{ tree: 'volume library', path: 'cold', kind: 'nfs4' }];
          w.fit.external_volumes_absent = [];
        }),
      );
    expect(failed(nested(false))).toEqual([]);
    expect(detailOf(nested(true), 'compose_supported')).toContain('cold in volume library');
  });
});
