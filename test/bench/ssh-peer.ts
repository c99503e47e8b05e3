import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../cli/local/fleet.ts';
import { addressOf, netnsOf } from '../docker/two-hosts.ts';
import { run } from '../support/run.ts';

const port = 2222;

/** An sshd in host b's network namespace, and what a shell on host a runs to reach it. */
export interface SshPeer {
  /** `host:port` of the sshd. */
  address: string;
  /** `ssh …` without the host, for rsync. */
  shell: string;
  /** `user@host`. */
  target: string;
  /** `ssh … user@host`, to be put into a shell line. */
  command: string;
  /** The same by way of another address. */
  through(address: string): SshPeer;
  /** Runs a shell line on host a, and resolves to the seconds it took. */
  time(line: string): Promise<number>;
  close(): void;
}

export async function startSshPeer(dir: string): Promise<SshPeer> {
  const at = (name: string) => join(dir, name);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await mkdir('/run/sshd', { recursive: true });
  for (const key of ['host', 'user']) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  await run('cp', [at('user.pub'), at('authorized_keys')]);
  await writeFile(
    at('sshd_config'),
    [
      `Port ${port}`,
      `HostKey ${at('host')}`,
      `AuthorizedKeysFile ${at('authorized_keys')}`,
      'PermitRootLogin prohibit-password',
      'StrictModes no',
      `PidFile ${at('sshd.pid')}`,
      '',
    ].join('\n'),
  );
  const inside = [`--net=/run/netns/${netnsOf('b')}`, '/usr/sbin/sshd', '-D', '-f', at('sshd_config')];
  const sshd: ChildProcess = spawn('nsenter', inside, { stdio: 'ignore' });
  const onHostA = (line: string) =>
    run('nsenter', [`--net=/run/netns/${netnsOf('a')}`, 'bash', '-c', `set -eo pipefail; ${line}`], {
      timeoutMs: 600_000,
    });
  const peer = (address: string): SshPeer => {
    const [host, hostPort] = address.split(':');
    const options = '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR';
    const shell = `ssh -p ${hostPort} -i ${at('user')} ${options}`;
    return {
      address,
      shell,
      target: `root@${host}`,
      command: `${shell} root@${host}`,
      through: peer,
      async time(line) {
        const from = performance.now();
        await onHostA(line);
        return (performance.now() - from) / 1000;
      },
      close: () => void sshd.kill(),
    };
  };
  const direct = peer(`${addressOf.b}:${port}`);
  const answers = () =>
    onHostA(`${direct.command} true`).then(
      () => true,
      () => false,
    );
  await until(answers, 'sshd to answer');
  return direct;
}
