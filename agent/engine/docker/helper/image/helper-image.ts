import { backoffMs } from '../../../../../node/backoff.ts';
import { sleep } from '../../../../../node/sleep.ts';
import { errorMessageOf, StackferryError } from '../../../../../schema/errors.ts';
import type { HostFacts } from '../../../../../schema/host-facts.ts';
import { limits } from '../../../../../schema/limits.ts';

export interface HelperImage {
  /** The helper image's id, since a name may be moved to another image. Throws `engine_error` if there is none. */
  id(): Promise<string>;
  /** Availability of the image. If it is absent, builds or pulls it in the background; later calls retry, with backoff. */
  state(): Promise<HostFacts['helper']>;
  close(): void;
}

/** Sources of the helper image. */
export interface HelperImageWays {
  /** Display name. */
  name: string;
  /** Lookups of existing images, best first; each returns an id or null. */
  here: (() => Promise<string | null>)[];
  /** Ways to build or pull an image; each returns its id, or throws an error with a remedy. */
  bring: ((signal: AbortSignal) => Promise<string>)[];
  /** Names the requirements that the image does not meet. */
  lacks(id: string, signal: AbortSignal): Promise<string[]>;
  /** True if the Engine still has it. */
  has(id: string): Promise<boolean>;
  /** Remembers an image from `bring`. */
  keep(id: string): Promise<void>;
}

interface HelperImageBounds {
  helperImageWaitMs: number;
  helperImageRetry: Parameters<typeof backoffMs>[1];
}

export function createHelperImage(ways: HelperImageWays, bounds: HelperImageBounds = limits.agent): HelperImage {
  const closing = new AbortController();
  const fitness = new Map<string, Promise<string[]>>();
  let pinned: string | null = null;
  let finding: Promise<string | null> | null = null;
  let bringing: Promise<void> | null = null;
  let failed = { times: 0, why: '', retryAt: 0 };
  let unfit = '';

  /** Returns '' for an image that can be a helper. Each image is probed once: it takes a container. */
  async function refusalOf(id: string): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const asked = fitness.get(id) ?? ways.lacks(id, closing.signal);
      fitness.set(id, asked);
      try {
        const lacking = await asked;
        return lacking.length === 0 ? '' : `${ways.name} (${id.slice(7, 19)}) lacks ${lacking.join(', ')}`;
      } catch (error) {
        // Inconclusive: a person may have removed the probe's container.
        fitness.delete(id);
        if (attempt >= limits.agent.helperProbeTriesMax) return errorMessageOf(error);
      }
    }
  }

  async function find(): Promise<string | null> {
    if (pinned && (await ways.has(pinned))) return pinned;
    pinned = null;
    unfit = '';
    for (const way of ways.here) {
      const id = await way();
      if (!id) continue;
      unfit = await refusalOf(id);
      if (unfit !== '') continue;
      pinned = id;
      return id;
    }
    return null;
  }

  const found = (): Promise<string | null> => {
    finding ??= find().finally(() => {
      finding = null;
    });
    return finding;
  };

  async function bring(): Promise<void> {
    const faults: string[] = [];
    for (const way of ways.bring)
      try {
        const id = await way(closing.signal);
        const refusal = await refusalOf(id);
        if (refusal !== '') throw new Error(refusal);
        await ways.keep(id);
        pinned = id;
        failed = { times: 0, why: '', retryAt: 0 };
        return;
      } catch (error) {
        faults.push(errorMessageOf(error));
      }
    const times = failed.times + 1;
    failed = { times, why: faults.join('; '), retryAt: performance.now() + backoffMs(times, bounds.helperImageRetry) };
  }

  const brought = (): Promise<void> => {
    bringing ??= bring().finally(() => {
      bringing = null;
    });
    return bringing;
  };

  /** Returns null if the image is available, else the reason why not. */
  async function absence(waitMs: number): Promise<string | null> {
    if (await found()) return null;
    if (bringing || performance.now() >= failed.retryAt) await Promise.race([brought(), sleep(waitMs)]);
    if (pinned) return null;
    if (bringing) return 'it is being made or pulled: try again when that has ended';
    return [unfit, failed.why].filter((why) => why !== '').join('; ');
  }

  return {
    async id() {
      const why = await absence(limits.agent.helperImageMsMax);
      if (!why && pinned) return pinned;
      throw new StackferryError('engine_error', `There is no helper image on this host: ${why}.`);
    },
    async state() {
      const why = await absence(bounds.helperImageWaitMs).catch(errorMessageOf);
      return { image: ways.name, ready: why === null, detail: why ?? '' };
    },
    close: () => closing.abort(),
  };
}
