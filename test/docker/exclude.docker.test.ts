import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { failedChecks } from '../support/fleet-rig.ts';
import { run } from '../support/run.ts';
import { docker, inventory, type Project, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const detailOf = (report: Report, check: string) => report.checks.find(({ name }) => name === check)?.detail ?? '';

/** Names, kinds, modes, owners, sizes, times, targets and contents, without what is below some paths. */
const fingerprint = (directory: string, ...without: string[]) =>
  run('sh', [
    '-c',
    `cd "$1" && shift && set -- "$@" none && for p; do set -- "$@" -path "./$p" -prune -o; shift; done
     find . "$@" -printf '%P %y %m %U:%G %s %T@ %l\\n' | sort && find . "$@" -type f -print0 | sort -z | xargs -0 -r sha256sum`,
    'fingerprint',
    directory,
    ...without,
  ]);
const names = async (directory: string) =>
  (await run('find', [directory, '-mindepth', '1', '-printf', '%P\\n'])).split('\n').filter(Boolean).sort();

describeDocker('what a migration leaves out, on two real Docker hosts', () => {
  const rig = useDockerRig();

  interface Bound extends Project {
    media: string;
    there: string;
    binds: string[];
    inside: (host: 'a' | 'b', command: string) => Promise<string>;
  }

  /** A library with a cache of its own, beside a project that has one too. */
  async function up(name: string, more: Record<string, string> = {}): Promise<Bound> {
    const { dir, hosts, stackAt, up: bringUp } = rig();
    const media = join(dir, `${name}-here`, 'media');
    const there = join(dir, `${name}-there`, 'media');
    await mkdir(join(media, 'cache/deep/er'), { recursive: true });
    await mkdir(join(media, "it's/50%"), { recursive: true });
    await mkdir(join(media, 'films'));
    await writeFile(join(media, 'films/film'), 'f'.repeat(100_000));
    await writeFile(join(media, 'films/half.part'), 'p'.repeat(5_000));
    await writeFile(join(media, 'cache/deep/er/thumb'), 't'.repeat(50_000));
    await link(join(media, 'films/film'), join(media, 'cache/same film'));
    await symlink('cache/deep', join(media, 'link'));
    await writeFile(join(media, "it's/50%/x"), 'x');
    // What a copy can't carry is no matter where it is left out.
    await run('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', join(media, 'cache/deep')]);
    onTestFinished(async () => {
      for (const path of [join(dir, `${name}-here`), join(dir, `${name}-there`)])
        await rm(path, { recursive: true, force: true });
    });
    const file = `
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    restart: always
    env_file: [conf/app.env]
    volumes:
      - ${media}:/media
      - ./own:/own
      - data:/data
volumes: { data: {} }
`;
    const files = {
      'compose.yaml': file,
      'conf/app.env': 'A=1\n',
      'own/kept': 'kept',
      'logs/big': 'l'.repeat(9_000),
      ...more,
    };
    const project = await bringUp(name, files);
    await stackAt(name, hosts.a);
    const inside = (host: 'a' | 'b', command: string) => docker(host, 'exec', `${name}-app-1`, 'sh', '-c', command);
    await inside('a', 'echo v >/data/v');
    return { ...project, media, there, binds: [`${media}=${there}`], inside };
  }

  it('stays on the source, is named, and outlives the purge of what moved', async () => {
    const { api, hosts, migrate, ended, moved } = rig();
    const { media, there, binds, inside, ...project } = await up('library');
    const exclude = [`${media}/cache/**`, `${media}/**/*.part`, `${media}/it's/5?%`, `${project.dir}/logs`];
    const before = await fingerprint(media);

    const started = await migrate('library', hosts.b, { binds, exclude });
    const { report } = await api.get<MigrationView>(`/migrations/${started.id}`);
    expect(report?.notes).toContainEqual(
      expect.stringContaining(`Left out by ${media}/cache/**: 1 directory and 1 file`),
    );
    const done = await ended(started.id);
    expect(done).toMatchObject({ status: 'completed' });
    expect(done.left_out).toMatchObject([
      { pattern: exclude[0], directories: 1, others: 1, size_bytes: 150_000 },
      { pattern: exclude[1], directories: 0, others: 1, size_bytes: 5_000, paths: [join(media, 'films/half.part')] },
      { pattern: exclude[2], directories: 1, others: 0, size_bytes: 1, paths: [join(media, "it's/50%")] },
      { pattern: exclude[3], directories: 1, others: 0, size_bytes: 9_000, paths: [join(project.dir, 'logs')] },
    ]);
    expect(done.left_out[0]?.paths.sort()).toEqual([join(media, 'cache/deep'), join(media, 'cache/same film')]);

    expect(await names(there)).toEqual(['cache', 'films', 'films/film', "it's", 'link']);
    const without = ['cache/*', 'films/half.part', "it's/50%"];
    expect(await fingerprint(there)).toBe(await fingerprint(media, ...without));
    expect(existsSync(join(moved(project, 'b').dir, 'logs'))).toBe(false);
    expect(await inside('b', 'cat /own/kept /data/v; ls /media/cache')).toBe('keptv\n');
    expect(await fingerprint(media)).toBe(before);

    await api.delete(`/stacks/library/migrate/${done.id}/source`);
    expect(await names(media)).toEqual([
      ...['cache', 'cache/deep', 'cache/deep/er', 'cache/deep/er/thumb', 'cache/same film'],
      ...['films', 'films/half.part', "it's", "it's/50%", "it's/50%/x"],
    ]);
    expect(await names(project.dir)).toEqual(['logs', 'logs/big']);
    expect(await readFile(join(media, 'cache/same film'), 'utf8')).toBe('f'.repeat(100_000));
    const { window } = await api.get<MigrationView>(`/migrations/${done.id}`);
    expect(window?.source_purge).toMatchObject({ remaining: [] });
    expect(window?.source_purge?.left_out.sort()).toEqual([media, project.dir].sort());
    expect(await inventory('a')).toEqual([]);
    // A repeat changes nothing.
    await api.delete(`/stacks/library/migrate/${done.id}/source`);
    expect(existsSync(join(media, 'cache/deep/er/thumb'))).toBe(true);
  }, 240_000);

  it('is left out of every pass of a pre-copy, under writes there and beside it, and is there after a rollback', async () => {
    const { api, hosts, migrate, ended } = rig();
    const { media, there, binds, inside } = await up('busy');
    await inside('a', 'dd if=/dev/urandom of=/media/films/big bs=1M count=40 2>/dev/null');
    const writing =
      'i=0; while :; do i=$((i+1)); echo $i >>/media/films/rows; echo $i >/media/cache/n$((i % 50)); mkdir -p /media/cache/d$((i % 9)); mv /media/cache/n$((i % 50)) /media/films/moved; mv /media/films/moved /media/cache/back; done';
    await docker('a', 'exec', '-d', 'busy-app-1', 'sh', '-c', writing);
    const { id } = await migrate('busy', hosts.b, { binds, exclude: [`${media}/cache`], mode: 'pre-copy' });
    expect(await ended(id)).toMatchObject({ status: 'completed', verify: 'content' });
    expect(existsSync(join(there, 'cache'))).toBe(false);
    expect(await fingerprint(there)).toBe(await fingerprint(media, 'cache'));
    const before = await fingerprint(media);
    await api.post<MigrationView>(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await fingerprint(media)).toBe(before);
    expect(await inside('a', 'cat /media/cache/deep/er/thumb')).toBe('t'.repeat(50_000));
  }, 240_000);

  it('a purge that is repeated deletes nothing that came into its directories since', async () => {
    const { api, hosts, migrate, ended } = rig();
    const { media, binds, ...project } = await up('later');
    const { id } = await migrate('later', hosts.b, { binds, exclude: [`${media}/cache`] });
    expect(await ended(id)).toMatchObject({ status: 'completed' });
    const purged = async () =>
      JSON.stringify((await api.delete(`/stacks/later/migrate/${id}/source`).catch((error) => error)).body);
    // In what was left out anything may change; what moved is compared.
    await writeFile(join(media, 'cache/new'), 'new');
    await writeFile(join(media, 'films/new'), 'new');
    await writeFile(join(project.dir, 'own/kept'), 'changed');
    expect(await purged()).toContain('no longer what was moved');
    expect(await readFile(join(media, 'films/film'), 'utf8')).toBe('f'.repeat(100_000));

    await rm(join(media, 'films'), { recursive: true });
    await run('cp', ['-a', `${binds[0]!.split('=')[1]}/films`, media]);
    await run('touch', ['-r', binds[0]!.split('=')[1]!, media]);
    expect(await purged()).toContain(project.dir);
    expect(await names(media)).toEqual(expect.arrayContaining(['cache', 'cache/new', 'cache/deep/er/thumb']));
    expect(existsSync(join(media, 'films'))).toBe(false);
    await writeFile(join(media, 'mine'), 'mine');
    expect(await purged()).toContain(project.dir);
    expect(await readFile(join(media, 'mine'), 'utf8')).toBe('mine');
    const { window } = await api.get<MigrationView>(`/migrations/${id}`);
    expect(window?.source_purge?.left_out).toEqual([media]);
  }, 180_000);

  it('is refused, before anything stops, where the stack needs it or no path has it', async () => {
    const { hosts, refused, dir } = rig();
    const { media, binds, ...project } = await up('needy');
    const at = (path: string) => join(project.dir, path);
    const cases: [exclude: string, says: string][] = [
      [at('**'), at('compose.yaml')],
      [at('co*'), at('conf/app.env')],
      [at('conf/**'), at('conf/app.env')],
      [at('own'), at('own')],
      [project.dir, at('compose.yaml')],
      [media, media],
      [join(dir, 'needy-here', '*'), media],
      ['/**', media],
      [`/var/lib/docker/volumes/needy_data/_data/x`, 'named volume needy_data, which moves whole'],
    ];
    for (const [exclude, says] of cases) {
      const report = await refused('needy', hosts.b, { binds, exclude: [exclude] });
      expect(failedChecks(report), exclude).toEqual(['compose_supported']);
      expect(detailOf(report, 'compose_supported'), exclude).toContain(says);
    }
    expect(await running('a')).toEqual(['needy-app-1']);
    expect(await inventory('b')).toEqual([]);
    expect(existsSync(join(dir, 'needy-there'))).toBe(false);
  }, 180_000);
});
