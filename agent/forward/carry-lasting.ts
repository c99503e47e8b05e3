import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { limits } from '../../schema/limits.ts';
import { type Carry, sessionEnd } from './carry.ts';
import {
  beginFrame,
  createFrameReader,
  type Frame,
  OtherTunnelVersion,
  resumeFrame,
  tunnelVersion,
  unknownFrame,
} from './lasting-frames.ts';
import { LastingStream } from './lasting-stream.ts';

/**
 * One session on all connections: it outlasts each of them, and with it every request that is under way. A peer that
 * restarted ends it. The source begins streams; the target has the one that the source began last.
 */
export const carryLasting =
  (role: 'source' | 'target', version = tunnelVersion): Carry =>
  (open, signal) => {
    let current: LastingStream | null = null;
    const begin = (id: string): LastingStream => {
      current?.destroy();
      const stream = new LastingStream(id);
      current = stream;
      // Of the session as well.
      stream.on('error', () => {});
      stream.once('close', () => {
        if (current === stream) current = null;
      });
      const over = () => void stream.destroy();
      sessionEnd(open(stream), signal).then(over, over);
      return stream;
    };

    const meetAsSource = (connection: Socket): Meet => {
      const isNew = current === null;
      const stream = current ?? begin(randomBytes(16).toString('hex'));
      const first = isNew ? beginFrame(stream.id, version) : resumeFrame(stream.id, stream.received, version);
      connection.write(first);
      return (frame) => {
        if (frame.type === 'resume' && frame.id === stream.id) return { stream, received: frame.received };
        stream.destroy();
        if (frame.type === 'foreign') throw new OtherTunnelVersion(frame.version, version);
        throw new Error('the peer restarted, and does not know the session');
      };
    };
    const meetAsTarget =
      (connection: Socket): Meet =>
      (frame) => {
        if (frame.type === 'foreign') {
          connection.end(unknownFrame(version));
          throw new OtherTunnelVersion(frame.version, version);
        }
        if (frame.type !== 'begin' && frame.type !== 'resume') throw new Error('the peer did not say what it carries');
        const known = current?.id === frame.id ? current : null;
        if (!known && frame.type === 'resume') {
          connection.end(unknownFrame(version));
          throw new Error('the peer goes on with what this host does not know');
        }
        const stream = known ?? begin(frame.id);
        connection.write(resumeFrame(stream.id, stream.received, version));
        return { stream, received: frame.received };
      };

    return (connection) => {
      const meet = (role === 'source' ? meetAsSource : meetAsTarget)(connection);
      return carry(connection, meet, { signal, version });
    };
  };

/** What the first frame of a connection leads to. Throws if it leads to nothing. */
type Meet = (first: Frame) => { stream: LastingStream; received: number };

/** Resolves with the end of the connection; rejects if it could not be used. */
function carry(
  connection: Socket,
  meet: Meet,
  { signal, version }: { signal: AbortSignal; version: number },
): Promise<void> {
  const { tunnelBeatMs, tunnelSilenceMsMax } = limits.forward;
  const ended = Promise.withResolvers<void>();
  // HTTP/2 asks that of a socket, but has none here.
  connection.setNoDelay(true);
  let stream: LastingStream | null = null;
  let heardAt = performance.now();
  let beatAt = heardAt;
  const read = createFrameReader((frame) => {
    if (stream) return take(stream, frame);
    const met = meet(frame);
    stream = met.stream;
    stream.carryOn(connection, met.received);
  }, version);
  const fail = (error: unknown) => {
    ended.reject(error);
    connection.removeAllListeners('data').destroySoon();
  };
  const abort = () => {
    if (!stream) connection.destroy();
  };
  const heartbeat = setInterval(() => {
    const now = performance.now();
    // What is not read for now can't be heard, nor by a process that had no time.
    if (connection.isPaused() || now - beatAt > 2 * tunnelBeatMs) heardAt = now;
    beatAt = now;
    if (now - heardAt > tunnelSilenceMsMax) connection.destroy(new Error('the peer is silent'));
    else stream?.tell();
  }, tunnelBeatMs);
  connection.on('data', (bytes: Buffer) => {
    heardAt = performance.now();
    try {
      read(bytes);
    } catch (error) {
      fail(error);
    }
  });
  connection.on('error', ended.reject);
  connection.once('close', () => {
    clearInterval(heartbeat);
    signal.removeEventListener('abort', abort);
    stream?.leave(connection);
    ended.resolve();
  });
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  return ended.promise;
}

function take(stream: LastingStream, frame: Frame): void {
  if (frame.type === 'data') stream.deliver(frame.bytes);
  else if (frame.type === 'ack') stream.acknowledge(frame.received);
  else if (frame.type === 'bye') stream.destroy();
  else throw new Error('the peer began twice on one connection');
}
