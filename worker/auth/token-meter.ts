import { DurableObject } from 'cloudflare:workers';
import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { type Taken, take } from './rate.ts';

export interface Metered extends Taken {
  /** Refused, and the audit was not told lately. */
  news: boolean;
}

/**
 * Counts the requests of one API token, wherever in the world they arrive: one object per token, so there is no place
 * that all requests pass. Memory only. The platform drops an object that idles, and by then its bucket is as good as
 * full. Its own rate-limit binding counts per location, and does not say what is left or when to come back.
 */
export class TokenMeter extends DurableObject<Env> {
  #fullAt = 0;
  #toldAt = 0;

  spend(perMinute: number): Metered {
    const now = Date.now();
    const taken = take(this.#fullAt, now, perMinute);
    this.#fullAt = taken.fullAt;
    const news = !taken.ok && now - this.#toldAt >= limits.api.floodNoteMs;
    if (news) this.#toldAt = now;
    return { ...taken, news };
  }
}
