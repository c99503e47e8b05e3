import { limits } from '../../../schema/limits.ts';
import type { Env } from '../../env.ts';
import { log } from '../../log.ts';
import { returnSpreadMs } from '../../saga/return-spread.ts';
import { countHosts } from '../../store/host-count.ts';
import { keptAnswer } from '../../store/kept-answer.ts';
import { attach, linkOf, send } from './control-socket.ts';

const kept = keptAnswer<number>(limits.control.hostCountKeepMs);

/** For a welcome, in milliseconds; null if the hosts could not be counted. */
export async function returnSpread({ DB }: Env): Promise<number | null> {
  try {
    return returnSpreadMs(await kept(DB, () => countHosts(DB)));
  } catch (error) {
    log.error('the hosts could not be counted', { error });
    return null;
  }
}

/**
 * Tells a connected host how long it is now. A fleet may have grown tenfold since its welcome, and hosts that still know the small
 * one would all come back within its seconds.
 */
export async function retellReturn(env: Env, socket: WebSocket): Promise<void> {
  const { kind, return_spread_ms: before } = linkOf(socket);
  if (kind !== 'host') return;
  const return_spread_ms = await returnSpread(env);
  const told = before ?? 0;
  if (return_spread_ms === null || Math.abs(return_spread_ms - told) <= limits.control.returnRetoldPart * told) return;
  send(socket, { type: 'return_spread', return_spread_ms });
  attach(socket, { return_spread_ms });
}
