import http2, { type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { reset, splice } from './splice.ts';

/** Answers a stream once its way on is open, and joins the two; refuses it if there is none. Ends with the stream. */
export async function serveStream(
  stream: ServerHttp2Stream,
  connect: (signal: AbortSignal) => Promise<Duplex>,
): Promise<void> {
  const gone = new AbortController();
  const leave = () => gone.abort();
  stream.once('close', leave);
  try {
    const on = await connect(gone.signal);
    stream.off('close', leave);
    if (stream.destroyed) {
      on.on('error', () => {});
      return reset(on);
    }
    stream.respond({ ':status': http2.constants.HTTP_STATUS_OK });
    splice(stream, on, () => {});
  } catch {
    refuseStream(stream);
  }
}

export function refuseStream(
  stream: ServerHttp2Stream,
  code = http2.constants.HTTP_STATUS_BAD_GATEWAY as number,
): void {
  if (!stream.destroyed) stream.respond({ ':status': code }, { endStream: true });
}
