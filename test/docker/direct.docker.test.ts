import { expect, it } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';
import { run } from '../support/run.ts';
import { plain } from './stacks.ts';
import { addressOf, docker, netnsOf } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const inB = (...command: string[]) => run('ip', ['netns', 'exec', netnsOf('b'), ...command]);
/** Addresses at which host b listens, without those of containers. */
const listening = async () => {
  const lines = (await inB('ss', '-Htln')).split('\n').filter(Boolean);
  return lines.map((line) => line.split(/\s+/)[3]!).filter((place) => !place.endsWith(`:${published}`));
};
const published = 18071;

const { settleMs } = limits.health;
const verifiedIn = ({ steps }: MigrationView): number => {
  const step = steps.find(({ name }) => name === 'verifying');
  return Date.parse(step?.ended_at ?? '') - Date.parse(step?.started_at ?? '');
};

describeDocker('a transfer past the relay', () => {
  const rig = useDockerRig({ direct: true, limits: { direct: { idleMsMax: 15_000 } } });
  const relayed = async (): Promise<number> =>
    ((await (await fetch(rig().relayStatusUrl)).json()) as { bytes_total: number }).bytes_total;

  it('is what a target lets its sources do by itself, by a port that is open no longer than needed', async () => {
    const { up, migrate, ended, hosts } = rig();
    const before = await listening();
    // It listens at its port.
    await up('straight', plain({ ports: `${published}:80`, command: 'httpd, "-f", "-p", "80"' }));
    await docker('a', 'exec', 'straight-app-1', 'dd', 'if=/dev/urandom', 'of=/data/blob', 'bs=1M', 'count=64');
    const { id } = await migrate('straight', hosts.b);
    const moved = await ended(id);
    expect(moved).toMatchObject({ status: 'completed', failure: null });
    expect(verifiedIn(moved)).toBeLessThan(settleMs);
    expect(await relayed()).toBeLessThan(1_048_576);
    await expect.poll(listening, { timeout: 30_000 }).toEqual(before);
  }, 120_000);

  it('is not waited for where a firewall drops it', async () => {
    const { up, migrate, ended, hosts } = rig();
    // Docker accepts connections for it, and it does not.
    await up('walled', plain({ ports: '18072:80' }));
    const drop = ['-p', 'tcp', '-d', addressOf.b, '--syn', '--dport', '1024:65535', '-j', 'DROP'];
    await inB('iptables', '-I', 'INPUT', ...drop);
    try {
      const { id } = await migrate('walled', hosts.b);
      const moved = await ended(id);
      expect(moved).toMatchObject({ status: 'completed', failure: null });
      expect(verifiedIn(moved)).toBeGreaterThanOrEqual(settleMs);
    } finally {
      await inB('iptables', '-D', 'INPUT', ...drop);
    }
  }, 120_000);
});
