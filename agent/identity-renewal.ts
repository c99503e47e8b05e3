import { setTimeout as sleep } from 'node:timers/promises';
import { errorCodeOf } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { backoffMs } from './control-link.ts';
import { type IdentityKeeper, openIdentity } from './identity.ts';
import type { Log } from './log.ts';

/** As `openIdentity`, waiting up to `enrollMsMax` for a control plane that does not answer yet. Its key is a secret from now on. */
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

/** Renews the certificate where that is due: at each connection, and hourly while one lasts. */
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
      // The present one may still do; if not, the connection is refused and says why.
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
