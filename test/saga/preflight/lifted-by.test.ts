import { describe, expect, it } from 'vitest';
import { waysOut } from '../../../schema/lift.ts';
import type { CheckName, Report } from '../../../schema/preflight-report.ts';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { mediaMount, plainTree } from '../../support/media-mount.ts';
import { facts, failed, gib, type Well } from './spoilt-facts.ts';

const liftedBy = (report: Report, name: CheckName) => report.checks.find((check) => check.name === name)?.lifted_by;

const external = (w: Well) => {
  w.stack.volumes = [...w.stack.volumes, { ...w.stack.volumes[0]!, name: 'library', external: true }];
  w.fit.external_volumes_absent = ['library'];
};
const bind =
  (path: string, service = 'web') =>
  (w: Well) => {
    w.stack.bind_mounts = [...w.stack.bind_mounts, { ...mediaMount, service, source: path }];
    w.stack.bind_trees = [
      ...(w.stack.bind_trees ?? []).filter((tree) => tree.path !== path),
      { ...plainTree(path), size_bytes: 1_000 },
    ];
    w.fit.bind_mounts = [...w.fit.bind_mounts, { path, exists: false }];
  };
const anonymous = (w: Well) => {
  w.stack.anonymous_volumes = [{ name: 'x', service: 'db', size_bytes: 5, move: null }];
};
const all =
  (...spoils: ((w: Well) => void)[]) =>
  (w: Well) => {
    for (const spoil of spoils) spoil(w);
  };
const ways = (...spoils: ((w: Well) => void)[]) => liftedBy(judge(facts(all(...spoils))), 'compose_supported');

describe('what lifts a refusal', () => {
  it('is named for data that stays: the options that move it first, then the one that accepts it', () => {
    expect(ways(external)).toEqual([{ with_external: true }]);
    expect(ways(bind('/srv/media'))).toEqual([{ binds: ['/srv/media'] }, { accept_unmoved: true }]);
    expect(ways(anonymous)).toEqual([{ accept_unmoved: true }]);
    expect(ways(external, bind('/srv/media'))).toEqual([
      { with_external: true, binds: ['/srv/media'] },
      { with_external: true, accept_unmoved: true },
    ]);
    expect(ways(bind('/srv/media'), anonymous)).toEqual([
      { binds: ['/srv/media'], accept_unmoved: true },
      { accept_unmoved: true },
    ]);
    expect(ways(bind('/srv/media/sub'), bind('/srv/media'))?.[0]).toEqual({ binds: ['/srv/media'] });
  });

  it('is judged, not guessed: no option is named that the next report would refuse', () => {
    const refused = (spoil: (w: Well) => void) => ways(external, spoil);
    const library = (w: Well) => w.stack.volumes.at(-1)!;
    expect(
      refused((w) => {
        library(w).also_used_by = ['plex'];
      }),
    ).toEqual([]);
    expect(
      refused((w) => {
        library(w).labels = { 'com.docker.compose.project': 'till' };
      }),
    ).toEqual([]);
    // Those that the target has would be refused by name.
    expect(
      refused((w) => {
        w.stack.volumes.push({ ...library(w), name: 'books' });
      }),
    ).toEqual([]);
    const file = (w: Well) => {
      w.stack.bind_trees![0]!.kind = 'file';
    };
    expect(ways(bind('/srv/a.conf'), bind('/srv/a.conf', 'db'), file)).toEqual([{ accept_unmoved: true }]);
    expect(
      ways(bind('/srv/media'), (w) => {
        w.stack.data!.nested_mounts = [{ tree: '/srv/media', path: 'cold', kind: 'nfs4' }];
      }),
    ).toEqual([{ accept_unmoved: true }]);
  });

  it('is empty where something else has to be fixed, and after a check that passed', () => {
    expect(
      ways(bind('/srv/media'), (w) => {
        w.stack.compose_errors = ['no such file: x.yaml'];
      }),
    ).toEqual([]);
    const report = judge(facts());
    expect(report.checks.flatMap(({ lifted_by }) => lifted_by)).toEqual([]);
    expect(waysOut(report.checks)).toEqual([]);
  });

  it('R9: is the variables whose values are unknown, by their names, where they are what is wrong', () => {
    const unknown = (w: Well) => {
      w.stack.unknown_variables = ['HOME', 'DATA'];
    };
    const missing = (w: Well) => {
      w.stack.compose_errors = ['docker compose config: required variable DATA is missing a value'];
      w.stack.drift = { current: null, detail: 'The file can’t be read.', services: [], as_written: null };
    };
    const drifted = (w: Well) => {
      w.stack.drift = {
        current: false,
        detail: 'web differs in environment (A).',
        services: ['web'],
        as_written: null,
      };
    };
    expect(waysOut(judge(facts(unknown)).checks)).toEqual([]);
    expect(judge(facts(unknown)).passed).toBe(true);
    expect(ways(unknown, missing)).toEqual([{ env: ['DATA'] }]);
    expect(waysOut(judge(facts(all(unknown, missing))).checks)).toEqual([{ env: ['DATA', 'HOME'] }]);
    expect(ways(unknown, missing, external)).toEqual([{ with_external: true, env: ['DATA'] }]);
    expect(ways(unknown, missing, (w) => w.stack.compose_errors.push('no such file: x.yaml'))).toEqual([]);
    const report = judge(facts(all(unknown, drifted)));
    expect(liftedBy(report, 'config_current')).toEqual([{ env: ['HOME', 'DATA'] }]);
    // Those given did not help.
    const given = (w: Well) => {
      w.rest.inputs.env = ['HOME=/home/ann', 'DATA=/srv/data'];
    };
    const again = judge(facts(all(unknown, drifted, given)));
    expect(liftedBy(again, 'config_current')).toEqual([]);
    expect(JSON.stringify([again.checks, again.notes])).not.toMatch(/home\/ann|srv\/data/);
  });

  it('is the other sizing where that has room, and only there', () => {
    const tight = (stack: number) =>
      judge(
        facts((w) => {
          w.target.resources.memory.free_bytes = gib / 2;
          w.stack.usage = { memory_bytes: stack, disk_bytes: gib };
        }),
      );
    expect(liftedBy(tight(gib / 4), 'target_capacity')).toEqual([{ sizing: 'stack' }]);
    expect(liftedBy(tight(gib), 'target_capacity')).toEqual([]);
  });

  it('is the plain copy where a host cannot do the other', () => {
    const asked = facts((w) => {
      w.target.engine.pre_copy = null;
      w.rest.inputs.mode = 'pre-copy';
    });
    expect(liftedBy(judge(asked), 'engine_compatible')).toEqual([{ mode: 'stop-copy' }]);
  });

  it('adds up over all checks that failed, unless one of them has to be fixed', () => {
    const tight = (w: Well) => {
      w.target.resources.memory.free_bytes = gib / 2;
      w.stack.usage = { memory_bytes: gib / 4, disk_bytes: gib };
    };
    const report = judge(facts(all(bind('/srv/media'), tight)));
    expect(failed(report)).toEqual(['target_capacity', 'compose_supported']);
    expect(waysOut(report.checks)).toEqual([
      { sizing: 'stack', binds: ['/srv/media'] },
      { sizing: 'stack', accept_unmoved: true },
    ]);
    const taken = judge(
      facts(
        all(bind('/srv/media'), (w) => {
          w.fit.ports_taken = [{ name: '80/tcp', by: 'nginx' }];
        }),
      ),
    );
    expect(liftedBy(taken, 'compose_supported')).toHaveLength(2);
    expect(waysOut(taken.checks)).toEqual([]);
  });
});
