import { setTimeout as sleep } from 'node:timers/promises';
import { errorCodeOf } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { backoffMs } from './backoff.ts';
import { type IdentityKeeper, openIdentity } from './identity.ts';
import type { Log } from './log.ts';

/** Like `openIdentity`, but waits up to `enrollMsMax` for the control plane. The log redacts the key from then on. */
export async function openIdentityPatiently(
  options: Parameters<typeof openIdentity>[0],
  log: Log,
): Promise<IdentityKeeper> {
  const deadline = performance.now() + limits.agent.enrollMsMax;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const keeper = await openIdentity(options);
      log.secret(keeper.identity().keyPem);
      return keeper;
    } catch (error) {
      const passing = errorCodeOf(error) === 'control_unavailable';
      if (!passing || performance.now() > deadline) throw error;
      log.warn('cannot enrol yet, trying again', { error });
      await sleep(backoffMs(attempt, limits.control));
    }
  }
}

/** Renews the certificate when due: at each connection, and hourly while one lasts. */
export function keepRenewed(
  keeper: IdentityKeeper,
  log: Log,
): { freshToken(clockOffsetMs: number): Promise<string>; close(): void } {
  let renewing: Promise<void> | null = null;
  let offset = 0;
  const renew = async () => {
    try {
      if (!(await keeper.renewIfDue(offset))) return;
      log.secret(keeper.identity().keyPem);
      log.info('the certificate was renewed');
    } catch (error) {
      // The current certificate may still be valid; if not, the connection is refused with a reason.
      log.warn('the certificate could not be renewed', { error });
      if (errorCodeOf(error) === 'host_revoked') throw error;
    }
  };
  const renewOnce = () => {
    renewing ??= renew().finally(() => {
      renewing = null;
    });
    return renewing;
  };
  const timer = setInterval(() => void renewOnce().catch(() => {}), limits.agent.renewCheckMs);
  timer.unref();
  return {
    freshToken: async (clockOffsetMs) => {
      offset = clockOffsetMs;
      await renewOnce();
      return keeper.signAgentToken(clockOffsetMs);
    },
    close: () => clearInterval(timer),
  };
}
