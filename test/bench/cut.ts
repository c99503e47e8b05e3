import { gatewayAddress } from '../docker/two-hosts.ts';
import { startSlowWire } from '../support/slow-wire.ts';
import { randomFile } from './fillings.ts';
import { compare, machine, type Result } from './result.ts';
import { move, note, openStage, peaks, quiet, secondsOf, stackWithVolume } from './stage.ts';

const cuts = 10;
const mebibytes = 1024;
const volumeBytes = mebibytes * 1_048_576;

/** `bulk` with every connection to the relay cut ten times, against `bulk` uncut; what was sent is counted on the wire. */
export async function cut(rounds = 3): Promise<Result> {
  const wire = await startSlowWire(Number.POSITIVE_INFINITY, gatewayAddress);
  const stage = await openStage({ relayAdvertise: wire.address });
  const [host = '', port] = stage.rig.relayAddress.split(':');
  wire.target = { host, port: Number(port) };
  const times = { whole: [] as number[], cut: [] as number[] };
  let worst = 0;
  try {
    for (let round = 0; round < rounds; round++)
      for (const kind of ['whole', 'cut'] as const) {
        const stack = `${kind}${round}`;
        await stackWithVolume(stage.rig, stack, randomFile(mebibytes));
        await quiet();
        const before = wire.bytes();
        const sent = () => (wire.bytes() - before) / volumeBytes;
        let done = 0;
        const timer = setInterval(() => {
          if (kind === 'whole' || done === cuts || sent() < (done + 1) / (cuts + 1)) return;
          done += 1;
          wire.cut();
        }, 20);
        times[kind].push(secondsOf(await move(stage.rig, stack), 'transferring'));
        clearInterval(timer);
        if (kind === 'cut') worst = Math.max(worst, sent() - 1);
        note(`round ${round + 1} of ${rounds}, ${kind}: ${times[kind].at(-1)?.toFixed(2)} s, cut ${done} times`);
      }
    note(`sent again at most: ${(worst * 100).toFixed(1)} %`);
    const against = compare('the same uncut', times.cut, times.whole, 0.9);
    return { name: 'cut', machine: machine(), peers: [against], memory_mb: await peaks(stage.rig) };
  } finally {
    await stage.close();
    await wire.close();
  }
}
