import { DurableObject } from 'cloudflare:workers';
import { limits } from '../../../schema/limits.ts';
import type { Env } from '../../env.ts';
import type { Metered, Serves, TokenMeterRpc } from '../../rpc.ts';
import { take } from './rate.ts';

/**
 * Counts the requests of one API token across all locations: one object per token, so there is no global bottleneck.
 * Memory only: the platform evicts an idle object, whose bucket is nearly full by then. The platform's own rate-limit
 * binding counts per location, and does not report the remaining requests or the reset time.
 */
export class TokenMeter extends DurableObject<Env> implements Serves<TokenMeterRpc> {
  #fullAt = 0;
  #auditedAt = 0;

  spend(perMinute: number): Metered {
    const now = Date.now();
    const taken = take(this.#fullAt, now, perMinute);
    this.#fullAt = taken.fullAt;
    const news = !taken.ok && now - this.#auditedAt >= limits.api.floodNoteMs;
    if (news) this.#auditedAt = now;
    return { ...taken, news };
  }
}
