import type { RelayLoad } from '../schema/agent-protocol.ts';
import type { RelayStatus } from './listener.ts';

/** Reads what a relay carries: its bytes are those since the last reading. `status`: null until it listens. */
export function createLoadMeter(
  status: () => Pick<RelayStatus, 'sessions' | 'bytes_total'> | null,
  now: () => number = () => performance.now(),
): () => RelayLoad {
  let last = { at: now(), bytes: 0 };
  return () => {
    const { sessions = 0, bytes_total = 0 } = status() ?? {};
    const at = now();
    const seconds = (at - last.at) / 1_000;
    const bytes_per_s = seconds > 0 ? Math.max(0, (bytes_total - last.bytes) / seconds) : 0;
    last = { at, bytes: bytes_total };
    return { sessions, bytes_per_s };
  };
}
