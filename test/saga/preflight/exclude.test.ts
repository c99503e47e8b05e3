import { describe, expect, it } from 'vitest';
import type { Exclusion } from '../../../schema/facts.ts';
import { moveOptionsOf } from '../../../schema/move-options.ts';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { mediaMount, plainTree } from '../../support/media-mount.ts';
import { detailOf, facts, failed, gib, type Well } from './spoilt-facts.ts';

const cache = '/srv/media/cache/**';
const left = (pattern: string, size_bytes: number | null = 3 * gib): Exclusion['left'][number] => ({
  pattern,
  directories: 3,
  others: 1,
  size_bytes,
  paths: ['/srv/media/cache/a'],
});

describe('what a migration is to leave out', () => {
  const leaving = (exclude: string[], spoil: (well: Well) => void = () => {}) =>
    judge(
      facts((w) => {
        w.stack.bind_mounts = [mediaMount];
        w.stack.bind_trees = [{ ...plainTree('/srv/media'), exclusion: { left: [left(cache)], needed: [] } }];
        w.fit.bind_mounts = [{ path: '/srv/media', exists: true }];
        w.fit.bind_places = [
          { place: '/srv/media', free: true, detail: '', free_bytes: gib, filesystem: '1', with_volumes: false },
        ];
        w.rest.inputs.binds = ['/srv/media'];
        w.rest.inputs.exclude = exclude;
        spoil(w);
      }),
    );

  it('is reported with its size, by pattern; a pattern that matches nothing is reported too', () => {
    const report = leaving([cache, '/srv/medai/**']);
    expect(report.passed).toBe(true);
    expect(report.notes).toEqual([
      `Left out by ${cache}: 3 directories and 1 file, 3.0 GiB. It stays on the source, and a purge does not delete it.`,
      'Left out by /srv/medai/**: nothing, since nothing that moves matches.',
    ]);
    expect(report.left_out).toMatchObject([left(cache), { pattern: '/srv/medai/**', directories: 0, paths: [] }]);
  });

  it('counts only what lies in directories that move', () => {
    const report = leaving([cache], (w) => {
      w.rest.inputs.binds = [];
    });
    expect(report.left_out).toMatchObject([{ directories: 0, size_bytes: 0 }]);
    const unmeasured = leaving([cache], (w) => {
      w.stack.bind_trees![0]!.exclusion = { left: [left(cache, null)], needed: [] };
    });
    expect(unmeasured.notes[0]).toContain('3 directories and 1 file, size unknown.');
  });

  it.each<[string, string, (well: Well) => void]>([
    [
      'what the stack mounts or reads lies in it',
      `${cache} would leave out /srv/media/cache/tls.conf, which the stack mounts or reads`,
      (w) => {
        const needed = [{ pattern: cache, path: '/srv/media/cache/tls.conf' }];
        w.stack.bind_trees![0]!.exclusion = { left: [], needed };
      },
    ],
    [
      'the agent of the source is of a release that sends everything',
      'the agent of the source can’t leave anything out: update it',
      (w) => {
        w.stack.project_files.exclusion = null;
      },
    ],
    [
      'it lies in a named volume',
      'lies in the named volume shop_media, which moves whole',
      (w) => {
        w.stack.volumes = [{ ...w.stack.volumes[0]!, name: 'shop_media' }];
        w.rest.inputs.exclude = ['/var/lib/docker/volumes/shop_media/_data/tmp/**'];
      },
    ],
  ])('is refused where %s', (_, says, spoil) => {
    const report = leaving([cache], spoil);
    expect(failed(report)).toContain('compose_supported');
    expect(detailOf(report, 'compose_supported')).toContain(says);
    expect(report.checks.find(({ name }) => name === 'compose_supported')?.lifted_by).toEqual([]);
  });

  it('is no matter for a bind mount that stays, nor where nothing is asked for', () => {
    const stays = leaving([cache], (w) => {
      w.rest.inputs.binds = [];
      w.stack.bind_trees![0]!.exclusion = { left: [], needed: [{ pattern: cache, path: '/srv/media' }] };
    });
    expect(stays.passed).toBe(true);
    const older = leaving([], (w) => {
      w.stack.project_files.exclusion = null;
    });
    expect(older.passed).toBe(true);
    expect(older.left_out).toEqual([]);
  });

  it('is nothing in a request that names nothing', () => {
    expect(moveOptionsOf({}).exclude).toEqual([]);
  });
});
