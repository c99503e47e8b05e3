import { dockerBinary, socketOf } from '../docker/two-hosts.ts';
import { compressible, randomFile, randomFiles } from './fillings.ts';
import { type Line, startLongWire } from './long-wire.ts';
import { compare, machine, type Result } from './result.ts';
import { emptyVolume, move, note, openStage, peaks, quiet, type Stage, secondsOf, stackWithVolume } from './stage.ts';

/** How a peer moves the files of one directory to another, synced; resolves to the seconds it took. */
interface Peer {
  name: string;
  goal: number;
  time(stage: Stage, from: string, to: string): Promise<number>;
}

const peers = {
  tarSsh: (goal: number): Peer => ({
    name: 'tar | ssh | tar',
    goal,
    time: ({ ssh }, from, to) => ssh.time(`tar -C ${from} -c . | ${ssh.command} 'tar -C ${to} -x && sync -f ${to}'`),
  }),
  rsync: (goal: number, flags: string): Peer => ({
    name: `rsync ${flags} over ssh`,
    goal,
    time: ({ ssh }, from, to) =>
      ssh.time(`rsync ${flags} -e '${ssh.shell}' ${from}/ ${ssh.target}:${to}/ && ${ssh.command} 'sync -f ${to}'`),
  }),
  zstdSsh: (goal: number): Peer => ({
    name: 'tar | zstd | ssh',
    goal,
    time: ({ ssh }, from, to) =>
      ssh.time(`tar -C ${from} -c . | zstd -q | ${ssh.command} 'zstd -dq | tar -C ${to} -x && sync -f ${to}'`),
  }),
  attach: (goal: number): Peer => ({
    name: 'docker run tar | docker run -i tar',
    goal,
    time: ({ ssh }, from, to) => {
      const run = (host: 'a' | 'b', options: string, script: string) =>
        `${dockerBinary} -H unix://${socketOf(host)} run --rm --network none ${options} sf-tools:1 sh -c '${script}'`;
      return ssh.time(
        `${run('a', `-v ${from}:/v:ro`, 'tar -C /v -c .')} | ${run('b', `-i -v ${to}:/v`, 'tar -C /v -x && sync -f /v')}`,
      );
    },
  }),
  onHost: (goal: number): Peer => ({
    name: 'tar | tar on the host, no network, no crypto',
    goal,
    time: ({ ssh }, from, to) => ssh.time(`tar -C ${from} -c . | tar -C ${to} -x && sync -f ${to}`),
  }),
};

/** How much is moved, and how often. */
export interface Extent {
  rounds?: number;
  mebibytes?: number;
}

interface VolumeBench {
  name: string;
  fill(dir: string): Promise<void>;
  against: Peer[];
  open?: () => Promise<Stage>;
  rounds?: number | undefined;
}

/**
 * One volume. Ours is the step `transferring` of a real migration: helpers started, digests and manifests compared,
 * target synced. Rounds of ours and every peer, in an order that turns, since the page cache favours who comes later.
 */
async function volumeBench({ name, fill, against, open = openStage, rounds = 3 }: VolumeBench): Promise<Result> {
  const stage = await open();
  const ours: number[] = [];
  const theirs = against.map((): number[] => []);
  try {
    for (let round = 0; round < rounds; round++) {
      const stack = `${name}${round}`;
      const from = await stackWithVolume(stage.rig, stack, fill);
      const runs = [
        async () => void ours.push(secondsOf(await move(stage.rig, stack), 'transferring')),
        ...against.map((peer, index) => async () => {
          theirs[index]!.push(await peer.time(stage, from, await emptyVolume()));
        }),
      ];
      for (let turn = 0; turn < runs.length; turn++) {
        await quiet();
        await runs[(turn + round) % runs.length]!();
      }
      const told = against.map((peer, index) => `${peer.name} ${theirs[index]?.[round]?.toFixed(2)} s`).join(', ');
      note(`round ${round + 1} of ${rounds}: ours ${ours[round]?.toFixed(2)} s, ${told}`);
    }
    const comparisons = against.map((peer, index) => compare(peer.name, ours, theirs[index]!, peer.goal));
    return { name, machine: machine(), peers: comparisons, memory_mb: await peaks(stage.rig) };
  } finally {
    await stage.close();
  }
}

/** Ours to the relay, and the peers' ssh. */
const throughLine = (line: Line) => async (): Promise<Stage> => {
  const wire = await startLongWire(line);
  const stage = await openStage({ relayAdvertise: wire.relay.address });
  wire.relay.to(stage.rig.relayAddress);
  wire.ssh.to(stage.ssh.address);
  return {
    rig: stage.rig,
    ssh: stage.ssh.through(wire.ssh.address),
    close: async () => {
      await stage.close();
      await wire.close();
    },
  };
};

const pastTheRelay = () => openStage({ direct: true });

export const bulk = ({ rounds, mebibytes = 1024 }: Extent = {}) =>
  volumeBench({
    name: 'bulk',
    fill: randomFile(mebibytes),
    against: [peers.tarSsh(1.7), peers.rsync(1.7, '-aW'), peers.attach(12)],
    rounds,
  });
export const direct = ({ rounds, mebibytes = 1024 }: Extent = {}) =>
  volumeBench({
    name: 'direct',
    fill: randomFile(mebibytes),
    against: [peers.tarSsh(2.2), peers.rsync(2.2, '-aW'), peers.onHost(0.9)],
    open: pastTheRelay,
    rounds,
  });
export const limit = () => volumeBench({ name: 'limit', fill: randomFile(1024), against: [peers.onHost(0.8)] });
export const small = ({ rounds, files = 50_000 }: { rounds?: number; files?: number } = {}) =>
  volumeBench({
    name: 'small',
    fill: randomFiles(files, 4_096),
    against: [peers.tarSsh(1.2), peers.rsync(1.4, '-aW'), peers.attach(4), peers.onHost(0.75)],
    rounds,
  });
export const wan = () =>
  volumeBench({
    name: 'wan',
    fill: compressible(256),
    against: [peers.rsync(1.3, '-az'), peers.zstdSsh(1.3)],
    open: throughLine({ bytesPerS: 100_000_000 / 8, delayMs: 20 }),
  });
/** Random bytes, so that neither side can compress them. One connection carries at most 0.7 MB/s over this line. */
export const lossy = ({ rounds, mebibytes = 64 }: Extent = {}) =>
  volumeBench({
    name: 'lossy',
    fill: randomFile(mebibytes),
    against: [peers.rsync(4, '-az')],
    open: throughLine({ bytesPerS: Number.POSITIVE_INFINITY, delayMs: 100, lossEverySegments: 100 }),
    rounds,
  });
