import { describe, expect, it } from 'vitest';
import { mediaMount, plainTree } from '../support/media-mount.ts';
import type { Answer } from './support/api.ts';
import { drainFleet, gib } from './support/drain-fleet.ts';

const path = mediaMount.source;
/** `bound` has a bind mount that the targets lack; the others have nothing of the kind. */
const fleet = () =>
  drainFleet({
    targets: { b: 3 * gib, c: 12 * gib },
    stacks: { bound: gib, constructor: gib / 2, plain: gib / 4 },
    says: (project) => (project === 'bound' ? { bind_mounts: [mediaMount], bind_trees: [plainTree(path)] } : {}),
    finds: (_, project) =>
      project === 'bound'
        ? {
            bind_mounts: [{ path, exists: false }],
            bind_places: [path, '/mnt/x'].map((place) => ({
              ...{ place, free: true, detail: '', free_bytes: gib, filesystem: '1', with_volumes: false },
            })),
          }
        : {},
  });

const byName = (stacks: Answer['body'][]) => Object.fromEntries(stacks.map((one) => [one.stack.name, one]));

describe('a drain with options of single stacks', () => {
  it('says which options would let a stack go, and plans it with those that it is given', async () => {
    const there = await fleet();
    const plan = async (more: object = {}) => (await there.drain({ dry_run: true, pack: true, ...more })).body;
    const plain = byName((await plan()).stacks);
    expect(plain.bound).toMatchObject({
      target: null,
      obstacle: { lifted_by: [{ binds: [path] }, { accept_unmoved: true }] },
    });
    expect(plain.plain).toMatchObject({ target: { name: 'b' }, obstacle: null });

    const given = await plan({
      per_stack: { bound: { binds: [`${path}=/mnt/x`], target_host_id: there.idOf('c') }, plain: { leave: true } },
    });
    expect(given).toMatchObject({ movable: 2, unmovable: 0, left: [{ name: 'plain' }] });
    expect(byName(given.stacks)).toMatchObject({
      bound: { target: { name: 'c' }, obstacle: null },
      constructor: { target: { name: 'b' } },
    });
    const some = await plan({ stacks: ['plain'] });
    expect(some.left.map(({ name }: { name: string }) => name)).toEqual(['bound', 'constructor']);
  }, 60_000);

  it('R9: gives a stack the variables that it is given, and takes none for all of them', async () => {
    const asked: Record<string, unknown> = {};
    const there = await drainFleet({
      stacks: { bound: gib, plain: gib / 4 },
      says: (project, environment) => {
        asked[project] = environment;
        return {};
      },
    });
    const per_stack = { bound: { env: ['HOME=/home/ann'] } };
    expect((await there.drain({ dry_run: true, per_stack })).body.movable).toBe(2);
    expect(asked).toEqual({ bound: { HOME: '/home/ann' }, plain: {} });
    const refused = await there.drain({ dry_run: true, env: ['HOME=/home/ann'] });
    expect(refused.status).toBe(422);
    for (const setting of [
      'DOCKER_HOST=tcp://x',
      'LD_PRELOAD=/x',
      'PATH=/x',
      'COMPOSE_FILE=x',
      '1A=x',
      'A',
      'A=x\ny',
    ]) {
      const { status, body } = await there.drain({ dry_run: true, per_stack: { bound: { env: [setting] } } });
      expect([status, body.code], setting).toEqual([422, 'invalid_request']);
      expect(JSON.stringify(body)).not.toContain('tcp://x');
    }
  }, 60_000);

  it('keeps them in its record, and gives each migration the drain’s options overlaid by its own', async () => {
    const there = await fleet();
    const per_stack = {
      bound: { accept_unmoved: true, target_host_id: there.idOf('c') },
      constructor: { leave: true },
      plain: { mode: 'stop-copy', with_external: false, target_host_id: there.idOf('c') },
    };
    const started = await there.drain({ with_external: true, per_stack });
    expect(started).toMatchObject({ status: 202, body: { per_stack, with_external: true } });
    const end = await there.ended(started.body.id);
    expect(end).toMatchObject({ status: 'completed', summary: { moved: 2, stayed: 0 } });
    expect(end.stacks).toHaveLength(2);
    expect(await there.homeOf('constructor')).toBe('a');
    const inputs = Object.fromEntries(
      (await there.migrations()).map(({ stack, report }) => [stack.name, report.inputs]),
    );
    const target_host_id = there.idOf('c');
    expect(inputs).toMatchObject({
      bound: { accept_unmoved: true, with_external: true, target_host_id },
      plain: { accept_unmoved: false, with_external: false, target_host_id },
    });
  }, 90_000);

  it('refuses stacks, hosts and options that there are not, by name, before anything is changed', async () => {
    const there = await fleet();
    const refused = async (body: object) => {
      const { status, body: problem } = await there.drain(body);
      return [status, problem.code, problem.detail];
    };
    expect(await refused({ per_stack: { nosuch: {}, other: {}, plain: {} } })).toEqual([
      ...[404, 'not_found', 'per_stack: "a" runs no stack named "nosuch", "other".'],
    ]);
    expect(await refused({ stacks: ['bound'], per_stack: { plain: {} } })).toEqual([
      ...[404, 'not_found', 'per_stack: "plain" is not among the stacks of this drain.'],
    ]);
    const to = (id: string) => ({ per_stack: { plain: { target_host_id: id } } });
    expect(await refused(to(there.idOf('a')))).toEqual([422, 'same_host', expect.stringContaining('per_stack.plain.')]);
    expect(await refused(to('host_01m84szym4tvg03p2mz6y2f9wb'))).toEqual([404, 'not_found', expect.any(String)]);
    await there.post(`hosts/${there.idOf('c')}/cordon`);
    expect(await refused(to(there.idOf('c')))).toEqual([409, 'host_cordoned', expect.any(String)]);
    for (const own of [{ sizing: 'host' }, { binds: ['media'] }, { leave: 'yes' }])
      expect(await refused({ per_stack: { plain: own } })).toEqual([422, 'invalid_request', expect.any(String)]);
    expect((await there.post(`hosts/${there.idOf('a')}/uncordon`)).status).toBe(200);
    expect(await there.migrations()).toEqual([]);
  }, 60_000);

  it('says of a stack that stayed what would have let it go', async () => {
    const there = await fleet();
    const end = await there.ended((await there.drain({ stacks: ['bound'] })).body.id);
    expect(end.stacks[0]).toMatchObject({ status: 'stayed', obstacle: { lifted_by: [{ binds: [path] }, {}] } });
  }, 60_000);
});
