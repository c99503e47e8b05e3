import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { gatewayAddress } from '../docker/two-hosts.ts';
import { randomFile } from './fillings.ts';
import { compare, machine, type Result } from './result.ts';
import { move, note, openStage, peaks, quiet, secondsOf, stackWithVolume } from './stage.ts';

const cuts = 10;
const mebibytes = 1024;

/** `bulk` with every connection to the relay cut ten times, against `bulk` uncut; what was sent is counted on the wire. */
export async function cut(rounds = 3): Promise<Result> {
  const sockets = new Set<Socket>();
  let target = { host: '', port: 0 };
  let bytes = 0;
  const server = createServer((near) => {
    const far = connect(target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => {
        if (from === near) bytes += data.length;
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((ready) => server.listen(0, gatewayAddress, ready));
  const stage = await openStage({ relayAdvertise: `${gatewayAddress}:${(server.address() as AddressInfo).port}` });
  const [host = '', port] = stage.rig.relayAddress.split(':');
  target = { host, port: Number(port) };
  const times = { whole: [] as number[], cut: [] as number[] };
  let worst = 0;
  try {
    for (let round = 0; round < rounds; round++)
      for (const kind of ['whole', 'cut'] as const) {
        const stack = `${kind}${round}`;
        await stackWithVolume(stage.rig, stack, randomFile(mebibytes));
        await quiet();
        bytes = 0;
        // Both agents' bytes are counted: what the source sends is what the volume holds, and a little.
        const timer = setInterval(() => {
          const due = Math.floor((bytes / (mebibytes * 1_048_576)) * (cuts + 1));
          if (kind === 'cut' && due > cutsDone && cutsDone < cuts) {
            cutsDone += 1;
            for (const socket of sockets) socket.destroy();
          }
        }, 20);
        let cutsDone = 0;
        times[kind].push(secondsOf(await move(stage.rig, stack), 'transferring'));
        clearInterval(timer);
        if (kind === 'cut') worst = Math.max(worst, bytes / (mebibytes * 1_048_576) - 1);
        note(`round ${round + 1} of ${rounds}, ${kind}: ${times[kind].at(-1)?.toFixed(2)} s, cut ${cutsDone} times`);
      }
    note(`sent again at most: ${(worst * 100).toFixed(1)} %`);
    const against = compare('the same uncut', times.cut, times.whole, 0.8);
    return { name: 'cut', machine: machine(), peers: [against], memory_mb: await peaks(stage.rig) };
  } finally {
    await stage.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}
