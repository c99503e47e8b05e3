import { describe, expect, it } from 'vitest';
import type { CheckName } from '../../../schema/preflight-report.ts';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { sagaPlanOf } from '../../../worker/saga/preflight/plan.ts';
import type { PreflightFacts } from '../../../worker/saga/preflight/preflight-facts.ts';
import { mediaMount, plainTree } from '../../support/media-mount.ts';
import { detailOf, facts, failed, gib, type Well } from './spoilt-facts.ts';

describe('R5: a bind mount that is chosen', () => {
  const place = {
    place: '/srv/media',
    free: true,
    detail: '',
    free_bytes: gib,
    filesystem: '1',
    with_volumes: false,
  };
  const moving = (spoil: (well: Well) => void = () => {}, binds = ['/srv/media']) =>
    facts((w) => {
      w.stack.bind_mounts = [mediaMount];
      w.stack.bind_trees = [{ ...plainTree('/srv/media'), size_bytes: 1_000 }];
      w.fit.bind_mounts = [{ path: '/srv/media', exists: false }];
      w.fit.bind_places = [place];
      w.rest.inputs.binds = binds;
      spoil(w);
    });

  it('moves: it is planned with its size, and no note says that it stays', () => {
    const report = judge(moving());
    expect(report.passed).toBe(true);
    expect(report.notes).toEqual([]);
    expect(report.plan?.items).toContainEqual({ kind: 'bind', name: '/srv/media', size_bytes: 1_000 });
    expect(report.bind_mounts).toEqual([
      { path: '/srv/media', size_bytes: 1_000, exists_on_target: false, place: '/srv/media', obstacle: null },
    ]);
  });

  it('that is not chosen is refused with the option that moves it, and noted with its size', () => {
    const report = judge(moving(() => {}, []));
    expect(detailOf(report, 'compose_supported')).toContain('(to move it: "binds": ["/srv/media"])');
    expect(report.notes).toEqual([expect.stringContaining('1000 B, absent on the target')]);
  });

  it.each<[string, CheckName, RegExp, (well: Well) => void]>([
    [
      'taken',
      'path_free',
      /something is there already.*"binds": \["\/srv\/media=\/…"\]/,
      (w) => {
        w.fit.bind_places = [{ ...place, free: false, detail: 'something is there already.' }];
      },
    ],
    [
      'not looked at',
      'path_free',
      /it was not looked at/,
      (w) => {
        w.fit.bind_places = [];
      },
    ],
    [
      'of an older agent',
      'path_free',
      /The agent of the target can’t take bind mounts: update it/,
      (w) => {
        w.fit.bind_places = null;
      },
    ],
    [
      'too small',
      'path_free',
      /No space on the target: \/srv\/media: 1000 B needed, 500 B free/,
      (w) => {
        w.fit.bind_places = [{ ...place, free_bytes: 500 }];
      },
    ],
    [
      'unmeasured',
      'path_free',
      /could not be measured/,
      (w) => {
        w.fit.bind_places = [{ ...place, free_bytes: null }];
      },
    ],
    [
      'above another mount',
      'compose_supported',
      /cold in \/srv\/media is a mount of its own/,
      (w) => {
        w.stack.data!.nested_mounts = [{ tree: '/srv/media', path: 'cold', kind: 'nfs4' }];
      },
    ],
    [
      'unreadable',
      'compose_supported',
      /\/srv\/media could not be looked at/,
      (w) => {
        w.stack.data!.unseen = [{ tree: '/srv/media', why: 'stale' }];
      },
    ],
  ])('is refused where its place, or what it holds, is %s', (_, check, words, spoil) => {
    const report = judge(moving(spoil));
    expect(failed(report)).toEqual([check]);
    expect(detailOf(report, check)).toMatch(words);
  });

  it('does not count what is mounted in one that stays', () => {
    const report = judge(
      moving((w) => {
        w.stack.data!.nested_mounts = [{ tree: '/srv/media', path: 'cold', kind: 'nfs4' }];
        w.stack.data!.unseen = [{ tree: '/srv/media', why: 'stale' }];
        w.fit.bind_mounts = [{ path: '/srv/media', exists: true }];
      }, []),
    );
    expect(failed(report)).toEqual([]);
  });

  it('needs room beside the volumes where it goes to their disk', () => {
    const needs = (with_volumes: boolean) =>
      judge(
        moving((w) => {
          w.fit.bind_places = [{ ...place, with_volumes }];
        }),
      ).needs?.disk_bytes;
    expect(needs(true)).toBe((needs(false) ?? 0) + 1_000);
  });

  it('gets a Compose file with its place where that, or the project directory, is another one', () => {
    const overrideOf = (asked: PreflightFacts) => {
      if (!asked.stack.ok || !asked.fit.ok || !asked.source.ok || !asked.target.ok) throw new Error('all answer');
      const hosts = { source: asked.source.data, target: asked.target.data };
      return sagaPlanOf(asked.stack.data, asked.fit.data, hosts, asked.inputs).deployment.override;
    };
    expect(overrideOf(moving())).toBeNull();
    const mounts = (source: string) => ({
      file: 'compose.override.yaml',
      mounts: [{ service: 'web', target: '/media', source }],
      places: [{ path: '/srv/media', place: source }],
      volumes: [],
    });
    expect(overrideOf(moving(() => {}, ['/srv/media=/mnt/x']))).toEqual(mounts('/mnt/x'));
    const elsewhere = moving((w) => {
      w.fit.project_path = '/stacks/shop';
    });
    expect(overrideOf(elsewhere)).toEqual(mounts('/srv/media'));
  });
});
