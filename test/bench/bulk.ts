import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DockerRig, startDockerRig, wipeBoth } from '../docker/docker-rig.ts';
import { plain } from '../docker/stacks.ts';
import { docker, type HostName } from '../docker/two-hosts.ts';
import { compare, machine, type Result } from './result.ts';
import { startSshPeer } from './ssh-peer.ts';

const pairs = 3;
const mebibytes = 1024;

/**
 * One volume of 1 GiB of random bytes. Ours: the step `transferring` of a real migration, so helpers started, digests
 * and manifests compared, target synced. The peer: `tar | ssh | tar` and a sync, from host a to host b.
 */
export async function bulk(): Promise<Result> {
  await wipeBoth();
  const rig = await startDockerRig();
  const ssh = await startSshPeer(join(rig.dir, 'ssh'));
  const memory: Record<string, number> = {};
  const ours: number[] = [];
  const peer: number[] = [];
  try {
    for (let pair = 0; pair < pairs; pair++) {
      await wipeBoth();
      // A new name each time: the old copy of a moved stack is no stack of its own.
      const stack = `bulk${pair}`;
      await rig.up(stack, plain());
      await docker(
        'a',
        'exec',
        `${stack}-app-1`,
        'dd',
        'if=/dev/urandom',
        'of=/data/blob',
        'bs=1M',
        `count=${mebibytes}`,
      );
      const from = await mountpoint('a', `${stack}_data`);
      await docker('b', 'volume', 'create', 'peer');
      const to = await mountpoint('b', 'peer');
      const line = `tar -C ${from} -c . | ${ssh.command} 'tar -C ${to} -x && sync -f ${to}'`;
      const measureOurs = async () => ours.push(await timeTransfer(rig, stack));
      const measurePeer = async () => peer.push(await ssh.time(line));
      // Who goes first alternates too: the page cache favours the second.
      for (const measure of pair % 2 === 0 ? [measurePeer, measureOurs] : [measureOurs, measurePeer]) await measure();
      process.stderr.write(
        `pair ${pair + 1} of ${pairs}: ours ${ours[pair]?.toFixed(2)} s, peer ${peer[pair]?.toFixed(2)} s\n`,
      );
    }
    for (const [name, { pid }] of Object.entries({
      agent_source: rig.hosts.a,
      agent_target: rig.hosts.b,
      relay: rig.relay,
    }))
      memory[name] = await peakMb(pid);
  } finally {
    ssh.close();
    await rig.close();
    await wipeBoth();
  }
  return { name: 'bulk', machine: machine(), peers: [compare('tar | ssh | tar', ours, peer, 1)], memory_mb: memory };
}

async function timeTransfer(rig: DockerRig, stack: string): Promise<number> {
  const migration = await rig.ended((await rig.migrate(stack, rig.hosts.b)).id);
  if (migration.status !== 'completed') throw new Error(`the migration ended ${migration.status}`);
  const step = migration.steps.find(({ name }) => name === 'transferring');
  return (Date.parse(step?.ended_at ?? '') - Date.parse(step?.started_at ?? '')) / 1000;
}

const mountpoint = async (host: HostName, volume: string) =>
  (await docker(host, 'volume', 'inspect', '-f', '{{.Mountpoint}}', volume)).trim();

/** The kernel's own high-water mark. */
async function peakMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024);
}
