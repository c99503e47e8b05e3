import { expect, it } from 'vitest';
import { run } from '../support/run.ts';

import { psql, shop } from './stacks.ts';
import { addressOf, docker, dockerd, inventory, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

describeDocker('two real Docker hosts', () => {
  const rig = useDockerRig();

  it('moves PostgreSQL with 100,000 rows, a web server with its port and a job, and the old copy stays down', async () => {
    const { hosts, up, migrate, ended } = rig();
    await up('shop', shop);
    await psql(
      'a',
      'shop-db-1',
      'create table t as select i as id, md5(i::text) as v from generate_series(1, 100000) i',
    );
    const checksum = "select count(*) || ' ' || md5(string_agg(id || v, ',' order by id)) from t";
    const before = await psql('a', 'shop-db-1', checksum);
    expect(before).toMatch(/^100000 /);

    const started = await migrate('shop', hosts.b);
    const migration = await ended(started.id);
    expect(migration.failure).toBeNull();
    expect(migration.status).toBe('completed');
    expect(migration.steps.map(({ status }) => status)).toEqual(Array(7).fill('done'));

    expect(await running('b')).toEqual(['shop-db-1', 'shop-web-1']);
    expect(await psql('b', 'shop-db-1', checksum)).toBe(before);
    expect(await docker('b', 'inspect', '-f', '{{.State.ExitCode}}', 'shop-job-1')).toBe('0\n');
    expect(await docker('b', 'inspect', '-f', '{{.HostConfig.RestartPolicy.Name}}', 'shop-db-1', 'shop-web-1')).toBe(
      'always\nunless-stopped\n',
    );
    const status = await run('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', `http://${addressOf.b}:8080/`]);
    expect(status).toBe('200');

    expect(await running('a')).toEqual([]);
    expect(await inventory('a')).toContain('volume shop_dbdata');
    await dockerd('restart', 'a');
    expect(await running('a')).toEqual([]);
    expect(await running('b')).toEqual(['shop-db-1', 'shop-web-1']);
  }, 240_000);
});
