import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CliError } from '../../cli/exit-code.ts';
import { parsePlan, readPlanFile } from '../../cli/plan-file/read.ts';
import { planText, writePlanFile } from '../../cli/plan-file/write.ts';
import type { DrainPlanView } from '../../schema/api/drains.ts';
import { limits } from '../../schema/limits.ts';
import { moveOptionsOf } from '../../schema/move-options.ts';

type Planned = DrainPlanView['stacks'][number];
const named = (name: string) => ({ id: `id_${name}`, name });
const goes = (name: string, to: string): Planned => ({
  ...{ stack: named(name), target: named(to), fit: null, why: `"${to}" fits best.`, obstacle: null },
});
const stays = (name: string, lifted_by: NonNullable<Planned['obstacle']>['lifted_by'] = []): Planned => {
  const obstacle = { code: 'preflight_failed', message: 'A volume\nis: absent "there".', lifted_by };
  return { stack: named(name), target: null, fit: null, why: obstacle.message, obstacle };
};
const planOf = (stacks: Planned[], left: string[] = []): DrainPlanView => ({
  ...{ host: named('old'), targets: [], stacks, left: left.map(named), movable: 0, unmovable: 0, made_at: '' },
});
const plain = { mode: 'stop-copy' as const, ...moveOptionsOf({}) };

/** What is said of a faulty file. */
const faults = (text: string): string[] => {
  try {
    parsePlan('p.yaml', text);
  } catch (error) {
    if (error instanceof CliError) return [error.message, ...error.next];
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('the plan of a drain as a file', () => {
  test('R9: leaves the values of variables to be filled in', () => {
    const text = planText('p.yaml', planOf([stays('blog', [{ env: ['HOME'] }])]), plain);
    expect(text).toContain('# env: [ HOME=… ]');
    const filled = text.replace('# env: [ HOME=… ]', 'env: [ HOME=/home/ann ]');
    expect(parsePlan('p.yaml', filled).plan.stacks.blog).toMatchObject({ env: ['HOME=/home/ann'] });
    expect(faults(filled.replace('HOME=', 'LD_PRELOAD='))).toEqual([
      expect.stringContaining('stacks.blog.env.0: Use NAME='),
    ]);
  });

  test('pins what the plan says, with the reasons and the missing options as comments', () => {
    const lifted_by = [{ with_external: true, binds: ['/srv/media', '/srv/a b'] }, { accept_unmoved: true }];
    const plan = planOf([goes('shop', 'new'), stays('blog', lifted_by), stays('wiki')], ['till']);
    expect(planText('plan.yaml', plan, { ...plain, with_external: true, max_parallel: 3 })).toBe(
      `# Where each stack of old goes; nothing has been changed yet.
# See what it does now:  stackferry drain old --file plan.yaml --plan
# Do it:                 stackferry drain old --file plan.yaml
# A stack that is not named here stays on old. Without "to" a stack goes where the most room is.
host: old
max_parallel: 3
stacks:
  shop:
    # "new" fits best.
    to: new
    mode: stop-copy
    with_external: true
  blog:
    # It stays: A volume is: absent "there". (preflight_failed)
    leave: true
    mode: stop-copy
    # It could move without "leave", and with:
    # with_external: true
    # binds: [ /srv/media, /srv/a b ]
    # or:
    # accept_unmoved: true
  wiki:
    # It stays: A volume is: absent "there". (preflight_failed)
    leave: true
    mode: stop-copy
    with_external: true
  till:
    leave: true
    mode: stop-copy
    with_external: true
`,
    );
    // What stays was judged for that host alone.
    expect(planText('p.yaml', planOf([stays('wiki')]), { ...plain, to: 'new' })).toContain(
      'leave: true\n    to: new\n',
    );
  });

  test('is read as it was planned if nobody edits it, whatever the names are', () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,8}$/);
    const host = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?$/);
    const odd = fc.constantFrom('null', 'true', '1e3', '0x1', '123', 'constructor', 'yes', '0o7');
    const world = fc.record({
      names: fc.uniqueArray(fc.oneof(name, odd), { minLength: 1, maxLength: 5 }),
      to: fc.oneof(host, odd, fc.constant('1.0')),
      moves: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      path: fc.stringMatching(/^\/[^/\n\0]{1,20}$/).filter((path) => !/^\/\.{1,2}$/.test(path)),
    });
    fc.assert(
      fc.property(world, ({ names, to, moves, path }) => {
        const asked = { ...plain, mode: 'pre-copy' as const, accept_unmoved: true };
        const stacks = names.map((one, at) => (moves[at] ? goes(one, to) : stays(one, [{ binds: [path] }])));
        const { plan } = parsePlan('p.yaml', planText('p.yaml', planOf(stacks), asked));
        const kept = { mode: 'pre-copy', accept_unmoved: true };
        const entries = names.map((one, at) => [one, moves[at] ? { to, ...kept } : { leave: true, ...kept }]);
        expect(plan).toEqual({ host: 'old', stacks: Object.fromEntries(entries) });
        // A person takes the comment signs off.
        const edited = planText('p.yaml', planOf(stacks), asked).replace(/^( +)# binds:/gm, '$1binds:');
        const chosen = Object.values(parsePlan('p.yaml', edited).plan.stacks).flatMap(({ binds }) => binds ?? []);
        expect(chosen).toEqual(names.flatMap((_, at) => (moves[at] ? [] : [path])));
      }),
      { numRuns: 40 },
    );
  });

  test('may name a stack without options', () => {
    expect(parsePlan('p.yaml', 'host: old\nstacks:\n  123:\n  # leave: true\n').plan.stacks).toEqual({ '123': {} });
  });

  test('is refused with the line and the key of each fault', () => {
    const text = `host: old
stacks:
  shop:
    to: new
    mode: fast
    with_extrenal: true
  blog:
    binds:
      - /srv/media
      - media
  Wiki: {}
`;
    expect(faults(text).sort()).toEqual([
      expect.stringMatching(/^p\.yaml:10: stacks\.blog\.binds\.1: Use "all", an absolute path/),
      expect.stringMatching(/^p\.yaml:11: stacks\.Wiki: a Compose project name/),
      expect.stringMatching(/^p\.yaml:5: stacks\.shop\.mode: .*"stop-copy"\|"pre-copy"/),
      'p.yaml:6: stacks.shop.with_extrenal: There is no such option.',
    ]);
    expect(faults('host: old\nstacks:\n  shop: {to: a}\n  shop: {to: b}\n')).toEqual([
      expect.stringMatching(/^p\.yaml:4: .*unique/),
    ]);
    expect(faults('host: old\nstacks: {shop: {accept_unmoved: yes}}')).toEqual([
      expect.stringMatching(/^p\.yaml:2: stacks\.shop\.accept_unmoved: .*boolean/),
    ]);
    expect(faults('host: old')).toEqual([expect.stringMatching(/^p\.yaml:1: stacks: /)]);
    expect(faults('')).toEqual([expect.stringMatching(/^p\.yaml:1: /)]);
    expect(faults('host: &x old\nstacks: {shop: {to: *x}}')).toEqual([expect.stringContaining('p.yaml: ')]);
  });

  test('is never written over a file that is there, and read only up to a bound', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'plan-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const file = join(directory, 'plan.yaml');
    await writePlanFile(file, planOf([goes('shop', 'new')]), plain);
    const first = await readFile(file, 'utf8');
    await expect(writePlanFile(file, planOf([]), plain)).rejects.toThrow('exists already');
    expect(await readFile(file, 'utf8')).toBe(first);
    expect((await readPlanFile(file)).plan.stacks).toEqual({ shop: { to: 'new', mode: 'stop-copy' } });
    await writeFile(file, 'x'.repeat(limits.cli.planFileBytesMax + 1));
    await expect(readPlanFile(file)).rejects.toThrow('larger than');
    await expect(readPlanFile(join(directory, 'none'))).rejects.toThrow('can’t be read (ENOENT)');
  });
});
