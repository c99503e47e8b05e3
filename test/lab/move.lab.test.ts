import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { makeAwkward } from '../docker/awkward.ts';
import { inVolume, listVolume } from '../docker/listing.ts';
import { psql } from '../docker/stacks.ts';
import { type HostName, is, mountpoint, running } from '../docker/two-hosts.ts';
import { describeDocker, useDockerRig } from '../docker/use-docker-rig.ts';
import { run } from '../support/run.ts';
import { makeLocalImage, removeImage } from './local-image.ts';

const image = 'lab-local:dev';

const lab = {
  'compose.yaml': `
services:
  db:
    image: sf-postgres:1
    restart: always
    stop_signal: SIGINT
    environment: { POSTGRES_PASSWORD: "\${DB_PASSWORD}" }
    volumes: [dbdata:/var/lib/postgresql/data]
    healthcheck: { test: [CMD-SHELL, pg_isready -U postgres -h 127.0.0.1], interval: 1s, timeout: 3s, retries: 60 }
  app:
    image: ${image}
    restart: unless-stopped
    volumes: [awkward:/v, "./conf:/conf:ro"]
    depends_on: { db: { condition: service_healthy } }
volumes:
  dbdata: {}
  awkward: {}
`,
  '.env': 'DB_PASSWORD=lab\n',
  'conf/app.conf': 'flavour=lab\n',
};

/** As a host with SELinux labels what its containers write: it takes the host's root. */
async function label(host: HostName, volume: string): Promise<void> {
  const directory = await mountpoint(host, volume);
  const value = 'system_u:object_r:container_file_t:s0';
  await run('setfattr', [
    '-h',
    '-n',
    'security.selinux',
    '-v',
    value,
    join(directory, 'plain'),
    join(directory, 'empty'),
  ]);
}

/** Without those labels, which mean nothing on another host. */
const listing = async (host: HostName, volume: string) =>
  (await listVolume(host, volume)).split('\n').filter((line) => !line.startsWith('security.selinux='));

const rows = "select count(*) || ' ' || md5(string_agg(i || v, ',' order by i)) from t";
const services = ['lab-app-1', 'lab-db-1'];

describeDocker('two hosts of these kinds', () => {
  const rig = useDockerRig();

  it('P10 a stack with an image of no registry moves there by pre-copy and back by stop-copy, with every byte, and runs each time', async () => {
    const { api, hosts, up, migrate, ended } = rig();
    for (const host of ['a', 'b'] as const) await removeImage(host, image);
    await makeLocalImage('a', image);
    await up('lab', lab);
    await psql('a', 'lab-db-1', 'create table t as select i, md5(i::text) v from generate_series(1, 20000) i');
    await inVolume('a', 'lab_awkward', makeAwkward);
    if (is('a', 'selinux')) await label('a', 'lab_awkward');
    const sumAtStart = await psql('a', 'lab-db-1', rows);
    const listingAtStart = await listing('a', 'lab_awkward');

    const goes = async (from: HostName, to: HostName, mode: MigrationView['mode']) => {
      const { id } = await migrate('lab', hosts[to], { mode });
      const migration = await ended(id);
      expect(migration.failure).toBeNull();
      expect(migration.status).toBe('completed');
      expect(await running(from)).toEqual([]);
      expect(await running(to)).toEqual(services);
      expect(await psql(to, 'lab-db-1', rows)).toBe(sumAtStart);
      expect(await listing(to, 'lab_awkward')).toEqual(listingAtStart);
      await api.delete(`/stacks/lab/migrate/${id}/source`);
      await removeImage(from, image);
    };
    await goes('a', 'b', 'pre-copy');
    await goes('b', 'a', 'stop-copy');
  }, 280_000);
});
