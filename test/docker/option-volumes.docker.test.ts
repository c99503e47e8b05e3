import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { failedChecks } from '../support/fleet-rig.ts';
import { compose, docker, inventory, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const file = (media: string) => ({
  'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    volumes: ["media:/media", "ram:/ram", "data:/data"]
volumes:
  media: { driver_opts: { type: none, o: bind, device: ${media} } }
  ram: { driver_opts: { type: tmpfs, device: tmpfs, o: size=1m } }
  data: {}
`,
});

/** Both hosts share this machine's file system, so the data gets another place. */
describeDocker('volumes by options on two real Docker hosts', () => {
  const rig = useDockerRig();

  it('R18: a bind moves like a bind mount, a tmpfs is made empty; both come back, and are purged', async () => {
    const { api, dir, hosts, up, migrate, refused, ended, moved } = rig();
    const [media, there] = [join(dir, 'media-here'), join(dir, 'media-there')];
    await mkdir(media);
    onTestFinished(async () => {
      for (const path of [media, there]) await rm(path, { recursive: true, force: true });
    });
    const project = await up('player', file(media));
    const app = (host: 'a' | 'b', command: string) => docker(host, 'exec', 'player-app-1', 'sh', '-c', command);
    await app('a', 'echo film >/media/film; echo gone >/ram/x; echo v >/data/v');

    // A place of the system is refused on the target.
    expect(failedChecks(await refused('player', hosts.b, { binds: [`${media}=/etc/media`] }))).toEqual(['path_free']);
    const binds = [`${media}=${there}`];
    const { id } = await migrate('player', hosts.b, { binds, mode: 'pre-copy' });
    const done = await ended(id);
    expect(done).toMatchObject({ status: 'completed', failure: null });
    expect(done.report?.notes.join()).toContain('Volume player_ram is a tmpfs by its options');
    expect(await app('b', 'cat /media/film /data/v; ls /ram')).toBe('film\nv\n');
    expect(await app('b', 'grep -c " /ram tmpfs" /proc/mounts')).toBe('1\n');
    // The project keeps the place: an `up` by hand changes nothing.
    const before = await docker('b', 'ps', '-q');
    await compose('b', { ...moved(project, 'b'), composeFiles: [] }, 'up', '-d');
    expect(await docker('b', 'ps', '-q')).toBe(before);
    await app('b', 'echo later >/media/later');

    await api.post<MigrationView>(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await app('a', 'cat /media/*')).toBe('film\n');
    expect(await readFile(join(there, 'later'), 'utf8')).toBe('later\n');
    await api.delete(`/stacks/player/migrate/${id}/target`);
    expect(await inventory('b')).toEqual([]);
    expect(existsSync(there)).toBe(false);

    const again = await migrate('player', hosts.b, { binds });
    expect(await ended(again.id)).toMatchObject({ status: 'completed' });
    await api.delete(`/stacks/player/migrate/${again.id}/source`);
    expect(await inventory('a')).toEqual([]);
    expect(existsSync(media)).toBe(false);
    expect(await app('b', 'cat /media/film')).toBe('film\n');
    expect(await running('b')).toEqual(['player-app-1']);
  }, 300_000);
});
