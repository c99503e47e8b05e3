import { expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { plain } from './stacks.ts';
import { addressOf, docker, netnsOf } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const inB = (...command: string[]) => run('ip', ['netns', 'exec', netnsOf('b'), ...command]);
const listening = () =>
  inB('ss', '-Htln').then((lines) =>
    lines
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(/\s+/)[3]!),
  );

describeDocker('a transfer past the relay', () => {
  const rig = useDockerRig({ direct: true, limits: { direct: { idleMsMax: 15_000 } } });
  const relayed = async (): Promise<number> =>
    ((await (await fetch(rig().relayStatusUrl)).json()) as { bytes_total: number }).bytes_total;

  it('is what a target lets its sources do by itself, by a port that is open no longer than needed', async () => {
    const { up, migrate, ended, hosts } = rig();
    const before = await listening();
    await up('straight', plain());
    await docker('a', 'exec', 'straight-app-1', 'dd', 'if=/dev/urandom', 'of=/data/blob', 'bs=1M', 'count=64');
    const { id } = await migrate('straight', hosts.b);
    expect(await ended(id)).toMatchObject({ status: 'completed', failure: null });
    expect(await relayed()).toBeLessThan(1_048_576);
    await expect.poll(listening, { timeout: 30_000 }).toEqual(before);
  }, 120_000);

  it('is not waited for where a firewall drops it', async () => {
    const { up, migrate, ended, hosts } = rig();
    await up('walled', plain());
    const drop = ['-p', 'tcp', '-d', addressOf.b, '--syn', '--dport', '1024:65535', '-j', 'DROP'];
    await inB('iptables', '-I', 'INPUT', ...drop);
    try {
      const { id } = await migrate('walled', hosts.b);
      expect(await ended(id)).toMatchObject({ status: 'completed', failure: null });
    } finally {
      await inB('iptables', '-D', 'INPUT', ...drop);
    }
  }, 120_000);
});
