import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ApiClient, apiClient } from '../../cli/api-client.ts';
import { type ControlPlane, startControlPlane } from '../../cli/local/start.ts';
import { type Front, openFront } from './front.ts';
import { type Ended, fittingDocker, type ThrowawayRoot, throwawayRoot } from './throwaway-root.ts';

const root = resolve(import.meta.dirname, '../..');
const shells = { dash: ['dash'], ...(existsSync('/usr/bin/busybox') && { busybox: ['busybox', 'sh'] }) };
const canRun = process.getuid?.() === 0 || process.env.STACKFERRY_REQUIRE_ALL;
const embedded = ['--agent-args', '--engine embedded --embedded-root /var/lib/stackferry-embedded'];

let dir: string;
let control: ControlPlane;
let front: Front;
let api: ApiClient;
let hosts = 0;

beforeAll(async () => {
  const served = await readFile(join(root, 'worker/static/install/install.sh'), 'utf8');
  if (served !== (await readFile(join(root, 'worker/install/install.sh'), 'utf8')))
    throw new Error('worker/static is older than its sources: npm run prepare');
  dir = await mkdtemp(join(tmpdir(), 'stackferry-install-'));
  control = await startControlPlane({
    dataDir: join(dir, 'control'),
    host: '127.0.0.1',
    port: 0,
    carryNodeIn: join(dir, 'assets'),
    onLog: () => {},
  });
  front = await openFront(control.url);
  api = apiClient(control.url, control.adminToken ?? '');
}, 120_000);

afterAll(async () => {
  await front?.close();
  await control?.close();
  await rm(dir, { recursive: true, force: true });
});

const script = async () => (await fetch(`${front.url}/install.sh`)).text();
const newToken = async () => {
  hosts += 1;
  return (await api.post<{ join_token: string }>('/hosts', { name: `host-${hosts}` })).join_token;
};

it('is not given to a caller whose host name means something to a shell', async () => {
  const asked = get(`${control.url}/install.sh`, { headers: { host: "ferry'.example.com" } });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBeGreaterThanOrEqual(400);
  expect(await text(answer)).not.toContain("control='");
});

describe.skipIf(!canRun).each(Object.entries(shells))('install.sh, read by %s', (_, shell) => {
  let machine: ThrowawayRoot;
  let token: string;

  beforeAll(async () => {
    machine = await throwawayRoot();
    token = await newToken();
  });
  afterAll(() => machine?.close());
  afterEach(async () => {
    front.bend = () => false;
    front.clockOffMs = 0;
    await machine.program('docker', fittingDocker);
  });

  const install = async (args: string[]) => machine.run([...shell, '-s', '--', ...args], { input: await script() });
  const joining = () => install(['--name', 'web', '--join', token, ...embedded]);

  /** One sentence that says what to do, and a machine as it was. */
  const refuses = async (ended: Ended, why: RegExp) => {
    expect(ended).toMatchObject({ code: 1, err: expect.stringMatching(why) });
    expect(ended.err.trim().split('\n')).toHaveLength(1);
    expect(await machine.hasPrograms()).toBe(false);
    expect((await machine.run(['ls', '/run/stackferry-install'])).code).not.toBe(0);
  };

  it('refuses a token that was mistyped, cut off or left out before it asks anybody', async () => {
    const swapped = `sfj_${token[5]}${token[4]}${token.slice(6)}`;
    const asked = vi.fn(() => false);
    const served = await script();
    front.bend = asked;
    const told = (join: string[]) => machine.run([...shell, '-s', '--', ...join], { input: served });
    if (swapped !== token) await refuses(await told(['--join', swapped]), /mistyped: paste the whole line again/);
    await refuses(await told(['--join', token.slice(0, -1)]), /cut off or too long \(52 characters, not 53\)/);
    await refuses(await told(['--join', token.replace('sfj', 'sfy')]), /no join token/);
    await refuses(await told([]), /has not joined yet: create it with "stackferry join NAME"/);
    await refuses(await told(['--join', "x';reboot;'"]), /may not hold quotes/);
    expect(asked).not.toHaveBeenCalled();
  });

  it('refuses tokens that let nobody in, which the control plane knows', async () => {
    const host = await api.post<{ id: string; join_token: string }>('/hosts', { name: `gone-${shell[0]}` });
    await api.delete(`/hosts/${host.id}`);
    await refuses(await install(['--join', host.join_token]), /does not know that join token/);
  });

  it('refuses to run as anybody but root', async () => {
    const argv = ['setpriv', '--reuid=65534', '--clear-groups', ...shell, '-s', '--', '--join', token];
    await refuses(
      await machine.run(argv, { input: await script() }),
      /needs root: paste the whole line, "sudo" included/,
    );
  });

  it('refuses a machine, a Docker or a Compose that is not fit', async () => {
    const input = await script();
    const argv = ['setarch', 'i686', ...shell, '-s', '--', '--join', token];
    await refuses(await machine.run(argv, { input }), /is i686; Stackferry runs on x86_64 and aarch64/);
    const docker = async (text: string, why: RegExp) => {
      await machine.program('docker', text);
      await refuses(await joining(), why);
    };
    await docker('case $1 in version) exit 1 ;; esac', /Docker does not answer: start it/);
    await docker('[ "$1" = version ] && echo 1.39', /its API is 1\.39, and 1\.41 \(Docker 20\.10\) or newer/);
    await docker(fittingDocker.replace('v2.26.1', '2.9.0'), /Compose 2\.9\.0 is too old, 2\.20 or newer/);
    await docker(`[ "$1" = compose ] && exit 1\n${fittingDocker}`, /no Compose plugin: install/);
    await docker(fittingDocker.replace('Debian GNU/Linux 13', 'Docker Desktop'), /Docker Desktop/);
    await docker(fittingDocker.replace('name=seccomp', 'name=rootless'), /rootless/);
    await machine.without('docker');
    await refuses(await joining(), /Docker is not installed here/);
  });

  it('refuses a file system without room', async () => {
    const layers = `${(await machine.run(['findmnt', '-no', 'OPTIONS', '/usr'])).out.match(/upperdir=(\S+?)\/usr\/upper/)?.[1]}`;
    await machine.run(['mount', '-o', 'remount,size=100m', layers]);
    await refuses(await joining(), /MiB free on the file system of \/usr, and 390 are needed: make room/);
    await machine.run(['mount', '-o', 'remount,size=4g', layers]);
  });

  it('refuses what is no control plane: a login page, a proxy, another version, nothing', async () => {
    const served = await script();
    const told = () => machine.run([...shell, '-s', '--', '--join', token, ...embedded], { input: served });
    const answer = (status: number, headers: Record<string, string>, body = '') => {
      front.bend = (_request, response) => {
        response.writeHead(status, headers).end(body);
        return true;
      };
    };
    answer(302, { location: '/login' });
    await refuses(await told(), /answers with a redirect, as a login page or a proxy would/);
    answer(200, { 'content-type': 'text/html' }, '<html>Please log in</html>');
    await refuses(await told(), /answers something else than this script was made with/);
    answer(407, {});
    await refuses(await told(), /proxy in the way wants a login/);
    answer(404, {});
    await refuses(await told(), /answers 404 .*check the address/);
    const elsewhere = (url: string) =>
      machine.run([...shell, '-s', '--', '--join', token], { input: served.replace(front.url, url) });
    await refuses(await elsewhere('http://127.0.0.1:9'), /Nothing answers at/);
    await refuses(await elsewhere(front.url.replace('http', 'https')), /speaks no TLS: use its http:\/\/ address/);
    await refuses(await elsewhere('http://ferry.invalid'), /not known to this machine/);
  }, 60_000);

  it('refuses a clock that is hours off, and says how far', async () => {
    front.clockOffMs = (3 * 60 + 20) * 60_000;
    await refuses(await joining(), /clock of this machine is 3 h (19|20) min behind .*timedatectl/);
    front.clockOffMs = -2 * 3_600_000;
    await refuses(await joining(), /clock of this machine is 2 h 0 min ahead/);
  });

  it('refuses a program that was changed on the way', async () => {
    front.bend = (request, response) => {
      if (request.url !== '/install/agent.js') return false;
      response.end('process.exit(0)');
      return true;
    };
    await refuses(await joining(), /agent\.js is not what the control plane has/);
  });

  it('waits for no other run, and takes over from one that was cut off', async () => {
    await machine.run([
      'sh',
      '-c',
      `mkdir /run/stackferry-install && echo ${process.pid} >/run/stackferry-install/pid`,
    ]);
    const ended = await joining();
    expect(ended).toMatchObject({
      code: 1,
      err: expect.stringMatching(/Another run \(process \d+\) is under way here/),
    });
    await machine.run(['sh', '-c', 'echo 4194304 >/run/stackferry-install/pid']);
    await refuses(await install(['--join', 'sfj_']), /cut off/);
  });

  it('does nothing until it was read whole', async () => {
    const served = await script();
    for (const part of [0.2, 0.5, 0.8, 0.999])
      await machine.run([...shell, '-s', '--', '--join', token], { input: served.slice(0, served.length * part) });
    expect(await machine.hasPrograms()).toBe(false);
  });

  it('leaves nothing behind when it is interrupted, and the token unused', async () => {
    const pidfile = '/run/stackferry-install/pid';
    front.bend = async (request, response) => {
      if (!request.url?.includes('.gz.01')) return false;
      await machine.run(['sh', '-c', `kill -TERM $(cat ${pidfile})`]);
      response.destroy();
      return true;
    };
    const ended = machine.run([...shell, '-s', '--', '--join', token, ...embedded], { input: await script() });
    expect((await ended).code).toBe(143);
    expect(await machine.hasPrograms()).toBe(false);
  }, 30_000);

  it('only tells what it would do in a dry run', async () => {
    const { code, out } = await install(['--name', 'web', '--join', token, '--dry-run']);
    expect(code).toBe(0);
    expect(out).toMatch(/Node +from the control plane\n[\s\S]*Nothing was changed\./);
    expect(await machine.hasPrograms()).toBe(false);
  });

  it('installs with the token that all of this left unused, updates, and uninstalls', async () => {
    const ended = await joining();
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toMatch(/Online: host host-\d+ .* is connected to /);
    expect((await machine.run(['ls', '/var/lib/stackferry/join.env'])).code).not.toBe(0);
    expect((await machine.run(['grep', '-r', token, '/etc/init.d', '/var/lib/stackferry', '/var/log'])).code).toBe(1);
    const before = (await machine.run(['readlink', '/usr/lib/stackferry/agent'])).out;

    const again = await install([]);
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('Online: host') });
    expect((await machine.run(['readlink', '/usr/lib/stackferry/agent'])).out).not.toBe(before);
    expect((await machine.run(['cat', '/etc/init.d/stackferry-agent'])).out).toContain('--engine embedded');
    await goesBack();

    expect((await install(['--uninstall'])).out).toContain('no stack was touched');
    expect(await machine.hasPrograms()).toBe(false);
    expect((await machine.run(['ls', '/etc/init.d/stackferry-agent'])).code).not.toBe(0);
    expect((await machine.run(['ls', '/var/lib/stackferry/identity.json'])).code).toBe(0);

    await install(['--uninstall', '--purge-state']);
    await refuses(await joining(), /join token was used already: delete the host, create it again/);
  }, 150_000);

  it('C22: says how to run the agent where no init is known, without the launcher that an upgrade needs', async () => {
    await machine.without('rc-service');
    const { code, out } = await install(['--name', 'web', '--join', await newToken(), ...embedded]);
    expect(code).toBe(0);
    expect(out).toContain('no service was made. Have this kept running');
    expect(out).toMatch(
      /STACKFERRY_JOIN_TOKEN=sfj_\S+ \/usr\/lib\/stackferry\/agent\/node \/usr\/lib\/stackferry\/agent\/agent\.js --control /,
    );
    await install(['--uninstall', '--purge-state']);
  });

  /** From an update that starts and never connects, with other settings. */
  const goesBack = async () => {
    const installed = async () => [
      (await machine.run(['readlink', '/usr/lib/stackferry/agent'])).out,
      (await machine.run(['cat', '/var/lib/stackferry/arguments', '/etc/init.d/stackferry-agent'])).out,
      (await machine.run(['ls', '/usr/lib/stackferry'])).out.match(/^agent-.*/gm)?.length,
    ];
    const before = await installed();
    const silent = 'process.argv.includes("--help") || (console.log("has no idea"), setInterval(() => {}, 1000))';
    const served = (await script()).replace('online_seconds_max=60', 'online_seconds_max=8');
    const [, digests] = /digests='([^']*)'/.exec(served)!;
    const sums = digests!.replace(/\w{64}(?= {2}agent\.js)/, createHash('sha256').update(silent).digest('hex'));
    front.bend = ({ url }, response) => {
      const answer = url === '/install/SHA256SUMS' ? sums : url === '/install/agent.js' ? silent : null;
      if (answer !== null) response.end(answer);
      return answer !== null;
    };
    const argv = [...shell, '-s', '--', '--agent-args', '--engine none'];
    expect(await machine.run(argv, { input: served.replace(digests!, sums) })).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not come online (has no idea): the one before runs again and is online'),
    });
    front.bend = () => false;
    expect(await installed()).toEqual(before);
  };
});
