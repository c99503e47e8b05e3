import { describe, expect, it } from 'vitest';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { sagaPlanOf } from '../../../worker/saga/preflight/plan.ts';
import { plainTree } from '../../support/media-mount.ts';
import { detailOf, facts, failed, type Well } from './spoilt-facts.ts';

const device = '/srv/media';
const bind = { type: 'none', o: 'bind', device };

/** The stack has a volume whose options bind /srv/media, which the target lacks. */
const asked = (binds: string[], spoil: (well: Well) => void = () => {}) =>
  facts((w) => {
    const [own] = w.stack.volumes;
    w.stack.volumes = [own!, { ...own!, name: 'shop_media', options: bind }];
    const at = { service: 'web', source: device, target: '/media', read_only: false, link: null };
    w.stack.bind_mounts = [{ ...at, inside_project: false, volume: { name: 'shop_media', key: 'media' } }];
    w.stack.bind_trees = [plainTree(device)];
    w.fit.bind_mounts = [{ path: device, exists: false }];
    const room = { free: true, detail: '', free_bytes: 2 ** 40, filesystem: '1', with_volumes: true };
    w.fit.bind_places = [device, '/mnt/media'].map((place) => ({ place, ...room }));
    w.rest.inputs.binds = binds;
    spoil(w);
  });
const inside = (w: Well) => {
  w.stack.bind_mounts[0]!.source = '/srv/shop/media';
  w.stack.bind_mounts[0]!.inside_project = true;
  w.stack.bind_trees = [];
};
const problemOf = (found: ReturnType<typeof asked>) => detailOf(judge(found), 'compose_supported');
const planOf = (found: ReturnType<typeof asked>) => {
  if (!found.stack.ok || !found.fit.ok || !found.source.ok || !found.target.ok) throw new Error('all hosts answer');
  const hosts = { source: found.source.data, target: found.target.data };
  return sagaPlanOf(found.stack.data, found.fit.data, hosts, found.inputs);
};

describe('R18: a volume whose options bind a path', () => {
  it('moves as a bind mount of that path if it is chosen, and is made on the target', () => {
    const found = asked([device]);
    expect(failed(judge(found))).toEqual([]);
    const plan = planOf(found);
    expect(plan.binds).toEqual([{ path: device, place: device }]);
    expect(plan.volumes.map(({ name }) => name)).not.toContain('shop_media');
    expect(plan.option_volumes).toMatchObject([{ name: 'shop_media', options: bind }]);
    expect(plan.deployment.override).toBeNull();
  });

  it('can get another place, by our Compose file', () => {
    const plan = planOf(asked([`${device}=/mnt/media`]));
    expect(plan.option_volumes[0]?.options.device).toBe('/mnt/media');
    expect(plan.deployment.override).toMatchObject({ mounts: [], volumes: [{ key: 'media', device: '/mnt/media' }] });
  });

  it('that is not chosen and absent on the target is refused whatever is accepted: nothing would start on it', () => {
    const found = asked([], (w) => {
      w.rest.inputs.accept_unmoved = true;
    });
    expect(problemOf(found)).toContain('volume shop_media binds /srv/media, which is absent on the target');
    expect(problemOf(found)).toContain('"binds": ["/srv/media"]');
  });

  it('that is not chosen and present on the target is used as it is there', () => {
    const found = asked([], (w) => {
      w.fit.bind_mounts[0]!.exists = true;
    });
    expect(failed(judge(found))).toEqual([]);
    expect(judge(found).notes.join()).toContain('Bind mount /srv/media of service web is not moved');
    expect(planOf(found).option_volumes).toHaveLength(1);
  });

  it('in the project directory moves with it, wherever that goes', () => {
    expect(planOf(asked([], inside)).deployment.override).toBeNull();
    const found = asked([], (w) => {
      inside(w);
      w.fit.project_path = '/stacks/shop';
    });
    expect(failed(judge(found))).toEqual([]);
    expect(planOf(found).option_volumes[0]?.options.device).toBe('/stacks/shop/media');
    expect(planOf(found).deployment.override?.volumes).toEqual([{ key: 'media', device: '/stacks/shop/media' }]);
  });

  it('is refused where an agent of the release before would not report or make it', () => {
    const older = asked([device], (w) => {
      w.fit.option_volumes = false;
    });
    expect(problemOf(older)).toContain('can’t be made by the agent of the target: update it');
    const unreported = asked([], (w) => {
      w.stack.bind_mounts = [];
    });
    expect(problemOf(unreported)).toContain('shop_media is a mount of its own');
  });
});

it('R18: a tmpfs is made empty on the target, and said', () => {
  const found = asked([], (w) => {
    w.stack.volumes[1]!.options = { type: 'tmpfs', device: 'tmpfs' };
    w.stack.bind_mounts = [];
  });
  expect(failed(judge(found))).toEqual([]);
  expect(judge(found).notes).toEqual(['Volume shop_media is a tmpfs by its options: it is made empty on the target.']);
  expect(planOf(found).option_volumes.map(({ name }) => name)).toEqual(['shop_media']);
});

it('R18: a volume on a network file system is refused with what to do, and used if it is external', () => {
  const nfs = (external: boolean) =>
    asked([], (w) => {
      Object.assign(w.stack.volumes[1]!, { options: { type: 'nfs', o: 'addr=10.0.0.1', device: ':/x' }, external });
      w.stack.bind_mounts = [];
    });
  expect(problemOf(nfs(false))).toMatch(/network file system \(:\/x\).*create a volume of that name .* as external/);
  expect(failed(judge(nfs(true)))).toEqual([]);
});
