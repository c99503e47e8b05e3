import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { listVolume } from './listing.ts';
import { psql, shop } from './stacks.ts';
import { docker, type HostName, inventory, mountpoint, running, socketOf } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** A process beside the test, in a container of host a; `end` resolves to what it printed once it has ended. */
function inContainer(container: string, command: string[]) {
  const child = spawn('/usr/bin/docker', ['-H', `unix://${socketOf('a')}`, 'exec', '-i', container, ...command]);
  let printed = '';
  child.stdout.on('data', (bytes) => {
    printed += bytes;
  });
  const ended = new Promise<string>((resolve) => child.once('close', () => resolve(printed)));
  return { child, ended, printed: () => printed };
}

/** Acknowledged one by one: a number is printed after its row was committed. */
const client = 'psql -U postgres -h /var/run/postgresql -qAt -v ON_ERROR_STOP=1';
const writer = `${client} -c 'create table acknowledged (n int)'
  yes 'insert into acknowledged select coalesce(max(n), 0) + 1 from acknowledged returning n;' | ${client}`;

/** A gigabyte that is written for so many seconds before it is moved; docs/benchmarks.md has the command for five minutes. */
const loadS = Number(process.env.STACKFERRY_PGBENCH_S ?? 0);

describeDocker('a pre-copy between two real Docker hosts', () => {
  const rig = useDockerRig();

  const stopping = (id: string) =>
    until(async () => (await rig().api.get<MigrationView>(`/migrations/${id}`)).status === 'stopping', 'the stop');

  /** With all that was told meanwhile. */
  const endedTold = async (id: string) => {
    let notices = '';
    const migration = await rig().ended(id, ({ kind, data }) => {
      if (kind === 'notice') notices += JSON.stringify(data);
    });
    return { migration, notices };
  };

  /** Other contents, with the size and time that they had. */
  const damage = async (volume: string) => {
    const file = join(await mountpoint('b', volume), 'quiet');
    await writeFile(file, Buffer.from(await readFile(file)).fill(7));
    const touch = ['touch', '-d', '2020-01-01', '/v/quiet'];
    await docker('b', 'run', '--rm', '-v', `${volume}:/v`, 'sf-tools:1', ...touch);
  };

  it.each([1, 2, 3])(
    'moves PostgreSQL while pgbench writes, run %i: it opens, passes pg_amcheck, and has every acknowledged row',
    async (run) => {
      const { hosts, up, migrate } = rig();
      // One that was moved is at home on the other host.
      const stack = `shop${run}`;
      const db = `${stack}-db-1`;
      await up(stack, shop);
      const pgbench = 'pgbench -h /var/run/postgresql -U postgres';
      await docker('a', 'exec', db, ...`${pgbench} -iqs ${loadS > 0 ? 65 : 4} postgres`.split(' '));
      const load = inContainer(db, `${pgbench} -n -c 2 -T ${loadS + 600} postgres`.split(' '));
      const rows = inContainer(db, ['sh', '-c', writer]);
      await new Promise((resolve) => setTimeout(resolve, loadS * 1000));
      await until(async () => rows.printed().split('\n').length > 50, 'rows to be written');

      const { id } = await migrate(stack, hosts.b, { mode: 'pre-copy' });
      const { migration, notices } = await endedTold(id);
      expect(migration.failure).toBeNull();
      expect(migration.status).toBe('completed');
      // The passes alone brought every byte.
      expect(notices).not.toContain('sent again as a whole');
      await load.ended;

      const acknowledged = (await rows.ended).trim().split('\n').length;
      const kept = Number(await psql('b', db, 'select max(n) from acknowledged'));
      expect(acknowledged).toBeGreaterThan(50);
      expect(kept).toBeGreaterThanOrEqual(acknowledged);
      await docker(
        'b',
        'exec',
        db,
        ...'pg_amcheck -h /var/run/postgresql -U postgres --install-missing postgres'.split(' '),
      );
      expect(await running('a')).toEqual([]);
    },
    240_000 + loadS * 2_000,
  );

  it('F46 a file written through a memory mapping before and after the passes arrives as it was at the stop', async () => {
    const { hosts, up, migrate, ended } = rig();
    await up('mapped', mapped);
    const { id } = await migrate('mapped', hosts.b, { mode: 'pre-copy' });
    expect((await ended(id)).status).toBe('completed');
    const file = async (host: HostName) => readFile(join(await mountpoint(host, 'mapped_data'), 'mapped'));
    const [before, after] = [await file('a'), await file('b')];
    expect(before.readUInt32LE(0), 'it was written').toBeGreaterThan(0);
    expect(after.equals(before)).toBe(true);
  }, 120_000);

  it('F46 what differs on the target although size and times agree is found by the contents, and sent whole', async () => {
    const { hosts, up, migrate } = rig();
    await up('quiet', mapped);
    const { id } = await migrate('quiet', hosts.b, { mode: 'pre-copy' });
    await stopping(id);
    await damage('quiet_data');

    const { migration, notices } = await endedTold(id);
    expect(migration.status).toBe('completed');
    expect(notices).toContain('sent again as a whole');
    expect((await readFile(join(await mountpoint('b', 'quiet_data'), 'quiet'), 'utf8')).trim()).toBe('at rest');
  }, 120_000);

  it('F46 finds such differences in several volumes, which are sent again in parallel', async () => {
    const { hosts, up, migrate } = rig();
    await up('both', quietTwice);
    const { id } = await migrate('both', hosts.b, { mode: 'pre-copy' });
    await stopping(id);
    for (const volume of ['both_one', 'both_two']) await damage(volume);
    const { migration, notices } = await endedTold(id);
    expect(migration.failure).toBeNull();
    expect(notices).toContain('sent again as a whole');
    for (const volume of ['both_one', 'both_two'])
      expect((await readFile(join(await mountpoint('b', volume), 'quiet'), 'utf8')).trim()).toBe('at rest');
  }, 120_000);

  it('copies a volume in which files come and go all the time', async () => {
    const { hosts, up, migrate, ended } = rig();
    await up('restless', restless);
    const { id } = await migrate('restless', hosts.b, { mode: 'pre-copy' });
    const migration = await ended(id);
    expect(migration.failure).toBeNull();
    expect(await readFile(join(await mountpoint('b', 'restless_data'), 'kept'), 'utf8')).toBe('kept\n');
  }, 120_000);

  it('brings large files that are renamed and rewritten all the time as they were at the stop', async () => {
    const { hosts, up, migrate, ended } = rig();
    await up('segments', segments);
    // Nothing but the passes: contents that differ would be sent again.
    const { id } = await migrate('segments', hosts.b, { mode: 'pre-copy', verify: 'manifest' });
    const migration = await ended(id);
    expect(migration.failure).toBeNull();
    const sums = async (host: HostName) => {
      const dir = await mountpoint(host, 'segments_data');
      const names = (await readdir(dir)).sort();
      return Promise.all(names.map(async (name) => [name, hash('sha256', await readFile(join(dir, name)))]));
    };
    const before = await sums('a');
    expect(before.length).toBe(7);
    expect(await sums('b')).toEqual(before);
  }, 120_000);

  it('brings directories whose attributes went, or that others took the place of, as they were at the stop', async () => {
    const { hosts, up, migrate } = rig();
    await up('stripped', stripped);
    const { id } = await migrate('stripped', hosts.b, { mode: 'pre-copy', verify: 'manifest' });
    const { migration, notices } = await endedTold(id);
    expect(migration.failure).toBeNull();
    expect(notices).not.toContain('sent again');
    const before = await listVolume('a', 'stripped_data');
    expect(before).toContain('user.kept');
    expect(before).not.toContain('user.gone');
    expect(await listVolume('b', 'stripped_data')).toBe(before);
  }, 120_000);

  it('P14: copies a project directory that is too large to be staged while the stack runs, and then its changes', async () => {
    const { hosts, up, migrate, ended, moved } = rig();
    const project = await up('large', largeProject);
    let shipped = 0;
    let notices = '';
    const { id } = await migrate('large', hosts.b, { mode: 'pre-copy' });
    const migration = await ended(id, ({ kind, data }) => {
      if (kind === 'notice') notices += JSON.stringify(data);
      const progress = data as { current: string; bytes_done: number };
      if (kind === 'progress' && progress.current === 'project') shipped = progress.bytes_done;
    });
    expect(migration.failure).toBeNull();
    expect(notices).not.toContain('again');
    expect(shipped).toBeLessThan(4 * 1_048_576);
    const sums = async (dir: string) =>
      Promise.all(
        ['compose.yaml', 'data/large', 'data/log'].map(async (name) => hash('sha256', await readFile(join(dir, name)))),
      );
    expect(await sums(moved(project, 'b').dir)).toEqual(await sums(project.dir));
    expect(await running('b')).toEqual(['large-app-1']);
  }, 120_000);

  it('has the containers made before the stop, and passes once more after that', async () => {
    const { hosts, up, migrate, ended } = rig();
    await up('early', mapped);
    const { id } = await migrate('early', hosts.b, { mode: 'pre-copy' });
    const migration = await ended(id);
    expect(migration.failure).toBeNull();
    const timesOf = (step: string) => migration.steps.find(({ name }) => name === step)!;
    expect(timesOf('shipping').ended_at).toBe(timesOf('shipping').started_at);
    const created = (await docker('b', 'inspect', '-f', '{{.Created}}', 'early-app-1')).trim();
    const log = (await readFile(hosts.b.logPath, 'utf8')).split('\n').filter((line) => line.includes(id));
    const passedAt = Date.parse(log.find((line) => line.includes('lane w0.1: carried'))?.split(' ')[0] ?? '');
    expect(Date.parse(created)).toBeLessThan(passedAt);
    expect(passedAt).toBeLessThan(Date.parse(timesOf('stopping').started_at!));
  }, 120_000);

  it('starts those containers all the same when the target’s agent was killed meanwhile', async () => {
    const { hosts, up, migrate, ended } = rig();
    await up('survivor', mapped);
    const { id } = await migrate('survivor', hosts.b, { mode: 'pre-copy' });
    await stopping(id);
    const staged = (await docker('b', 'inspect', '-f', '{{.Id}}', 'survivor-app-1')).trim();
    await hosts.b.restart();
    const migration = await ended(id);
    expect(migration.failure).toBeNull();
    expect(await running('b')).toEqual(['survivor-app-1']);
    expect((await docker('b', 'inspect', '-f', '{{.Id}}', 'survivor-app-1')).trim()).toBe(staged);
    expect(await running('a')).toEqual([]);
  }, 120_000);

  it('leaves nothing of them when it is cancelled after that', async () => {
    const { api, hosts, up, migrate, ended } = rig();
    await up('undone', mapped);
    const { id } = await migrate('undone', hosts.b, { mode: 'pre-copy' });
    await stopping(id);
    expect(await inventory('b')).not.toEqual([]);
    await api.post(`/migrations/${id}/cancel`, {});
    expect((await ended(id)).status).toBe('cancelled');
    expect(await running('a')).toEqual(['undone-app-1']);
    expect(await inventory('b')).toEqual([]);
  }, 120_000);

  it('brings a project file that changes after that as well, and recreates the containers', async () => {
    const { hosts, up, migrate, moved } = rig();
    const project = await up('late', mapped);
    const { id } = await migrate('late', hosts.b, { mode: 'pre-copy' });
    await stopping(id);
    const changed = mapped['compose.yaml'].replace('app:', 'app:\n    labels: { changed: late }');
    await writeFile(join(project.dir, 'compose.yaml'), changed);

    const { migration, notices } = await endedTold(id);
    expect(migration.failure).toBeNull();
    expect(notices).toContain('the project directory is sent again');
    expect(await readFile(join(moved(project, 'b').dir, 'compose.yaml'), 'utf8')).toBe(changed);
    expect((await docker('b', 'inspect', '-f', '{{.Config.Labels.changed}}', 'late-app-1')).trim()).toBe('late');
  }, 120_000);
});

/** Writes a counter into a mapped page, over and over; perl has no mmap of its own, so the kernel reads into the page. */
const mapper = `
  # In its new home it only looks on.
  sleep 1 while -e "/data/mapped";
  system("echo at rest > /data/quiet; touch -d 2020-01-01 /data/quiet; head -c 8192 /dev/zero > /data/mapped");
  open(my $file, "+<", "/data/mapped"); pipe(my $out, my $in);
  my $page = syscall(9, 0, 8192, 3, 1, fileno($file), 0);
  for (my $n = 1; ; $n++) {
    syswrite($in, pack("V", $n)); syscall(0, fileno($out), $page, 4);
    select(undef, undef, undef, 0.02);
  }`;

const mapped = {
  'mapper.pl': mapper,
  'compose.yaml': `
services:
  app:
    image: sf-postgres:1
    entrypoint: [perl, /mapper.pl]
    # It ignores SIGTERM as PID 1: the stop takes as long as it may.
    stop_grace_period: 3s
    volumes: [data:/data, ./mapper.pl:/mapper.pl:ro]
volumes:
  data: {}
`,
};

/** One container that runs the script and ends on SIGTERM. */
function scripted(script: string, image = 'sf-busybox:1'): Record<string, string> {
  return {
    'compose.yaml': `
services:
  app: { image: "${image}", init: true, command: ${JSON.stringify(['sh', '-c', script])}, volumes: ["data:/data"] }
volumes: { data: {} }
`,
  };
}

/** 100 MiB below the project directory, and a log beside it. */
const largeProject = {
  'data/kept': 'kept\n',
  'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    init: true
    # In its new home it only looks on.
    command:
      - sh
      - -c
      - |
        test -e /data/log && exec sleep 100000
        head -c 104857600 /dev/urandom > /data/large; while :; do date >> /data/log; sleep 0.1; done
    healthcheck: { test: test -e /data/log, interval: 1s, retries: 60 }
    volumes: ["./data:/data"]
`,
};

const restless = scripted(`
  echo kept > /data/kept
  mkdir /data/many && cd /data/many
  while :; do seq 5000 | xargs touch; seq 5000 | xargs rm; sleep 0.2; done`);

/** What happens at the stop alone is seen by no pass. */
const stripped = scripted(
  `
  cd /data; test -e done && exec sleep 600
  mkdir plain replaced 'with space' kept heirless
  setfattr -n user.gone -v 1 plain 'with space'; setfacl -m u:7:rw -d -m u:8:rwx replaced plain heirless
  setfattr -n user.kept -v 1 kept 'with space'; echo one > kept/file; echo two > replaced/file
  trap "setfattr -x user.gone plain; setfattr -x user.gone 'with space'; setfacl -b plain
    echo > heirless/small; head -c 5000000 /dev/urandom > heirless/large; setfacl -b heirless/*
    rm -r replaced; mkdir replaced; echo three > replaced/file; touch kept/more done; exit" TERM
  while :; do sleep 0.1; done`,
  'sf-tools:1',
);

/** As a database recycles its log: the oldest becomes the newest, and is written over from its start. */
const segments = scripted(`
  # In its new home it only looks on.
  test -e /data/next && exec sleep 600
  for n in 1 2 3 4 5 6; do head -c 16777216 /dev/urandom > /data/segment.$$n; done
  n=1
  while :; do
    mv /data/segment.$$n /data/segment.$$((n + 6))
    head -c 1000000 /dev/urandom | dd of=/data/segment.$$((n + 6)) conv=notrunc bs=65536
    n=$$((n + 1)); echo $$n > /data/next; sleep 0.1
  done`);

/** Ignores SIGTERM, so that the stop takes as long as it may. */
const quietTwice = {
  'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    command:
      - sh
      - -c
      - |
        trap : TERM
        for d in one two; do echo at rest > /$$d/quiet; touch -d 2020-01-01 /$$d/quiet; done
        while :; do sleep 1; done
    stop_grace_period: 3s
    volumes: [one:/one, two:/two]
volumes:
  one: {}
  two: {}
`,
};
