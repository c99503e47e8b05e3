import net from 'node:net';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { type DirectListener, openDirectListener } from '../../agent/transfer/direct-listener.ts';
import { encodeOpening } from '../../schema/direct-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { tlsFirstByte } from '../../schema/relay-protocol.ts';
import { nextBytes, startRelayRig } from '../relay/relay-rig.ts';

/** Who comes to a listener and says one byte at a time, for as long as it is let. */
function dripping(port: number, first: Buffer, then: Buffer): { ended: Promise<void> } {
  const socket = net.connect({ host: '127.0.0.1', port });
  let at = 0;
  const timer = setInterval(() => socket.write(then.subarray(at, ++at)), 30);
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {}).resume();
  socket.write(first);
  void ended.then(() => clearInterval(timer));
  onTestFinished(() => void socket.destroy());
  return { ended };
}

const many = <T>(count: number, one: () => T): T[] => Array.from({ length: count }, one);
const endless = Buffer.alloc(100_000, 'x');

describe('the direct directListener', () => {
  const { openingMsMax, goMsMax, waitingMax, connectionsMax } = limits.direct;
  let directListener: DirectListener;
  afterEach(async () => {
    Object.assign(limits.direct, { openingMsMax, goMsMax });
    await directListener.close();
  });

  /** A source that is waited for comes in. */
  async function assertOpen(): Promise<void> {
    const came = directListener.wait('mine', AbortSignal.timeout(2_000));
    const socket = net.connect({ host: '127.0.0.1', port: directListener.port });
    socket.on('error', () => {}).write(encodeOpening('mine'));
    (await came).destroy();
    socket.destroy();
  }

  it('B29 openings that trickle in take all of its places for as long as an opening may take, and no longer', async () => {
    Object.assign(limits.direct, { openingMsMax: 400 });
    directListener = await openDirectListener({ host: '127.0.0.1', port: 0 });
    const opening = encodeOpening('x'.repeat(limits.direct.sessionBytesMax));
    const slow = many(connectionsMax, () => dripping(directListener.port, opening.subarray(0, 3), opening.subarray(3)));
    await Promise.all(slow.map(({ ended }) => ended));
    await assertOpen();
  });

  it('B29 nor longer do those that came before they are waited for, and talk on', async () => {
    Object.assign(limits.direct, { goMsMax: 400 });
    directListener = await openDirectListener({ host: '127.0.0.1', port: 0 });
    let session = 0;
    const early = many(waitingMax, () => dripping(directListener.port, encodeOpening(`early-${session++}`), endless));
    await Promise.all(early.map(({ ended }) => ended));
    await assertOpen();
  });
});

describe('the relay', () => {
  it('B29 B41 a handshake that trickles in is ended, and a session goes on', async () => {
    const rig = await startRelayRig({ handshakeMsMax: 400, joinKeyMsMax: 20_000, firstByteMsMax: 20_000 });
    onTestFinished(() => rig.close());
    const [keyA, keyB] = await rig.invite('before');
    const [a, b] = [await rig.spend(keyA), await rig.spend(keyB)];
    // The head of a record of 16 KiB.
    const head = Buffer.of(tlsFirstByte, 3, 1, 0x40, 0);
    const slow = many(20, () => dripping(rig.relay.port, head, endless));
    await Promise.all(slow.map(({ ended }) => ended));
    a.write('one');
    expect(await nextBytes(b)).toBe('one');
  });
});
