import { errorMessageOf } from '../../../schema/errors.ts';
import type { HostFacts } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { backoffMs } from '../../control-link.ts';
import { sleep } from '../../sleep.ts';
import type { DockerApi } from './api.ts';
import { pullImage } from './image-pull.ts';
import { findImage } from './images.ts';

export interface HelperImage {
  /** The image that helpers are made of, by id: what its name comes to mean later runs nothing. Throws where it is absent. */
  id(): Promise<string>;
  /** Whether it is here. One that is absent is pulled; a slow pull goes on after the answer, a failed one is tried again later. */
  state(): Promise<HostFacts['helper']>;
  close(): void;
}

interface HelperImageBounds {
  helperPullWaitMs: number;
  helperPullRetry: Parameters<typeof backoffMs>[1];
}

export function createHelperImage(api: DockerApi, name: string, bounds: HelperImageBounds = limits.agent): HelperImage {
  const closing = new AbortController();
  let pinned: string | null = null;
  let pulling: Promise<void> | null = null;
  let failed = { times: 0, why: '', retryAt: 0 };

  async function find(): Promise<string | null> {
    if (pinned && (await findImage(api, pinned))) return pinned;
    pinned = (await findImage(api, name))?.Id ?? null;
    return pinned;
  }

  async function pull(): Promise<void> {
    try {
      await pullImage(api, name, { signal: closing.signal });
      failed = { times: 0, why: '', retryAt: 0 };
    } catch (error) {
      const times = failed.times + 1;
      const retryAt = Date.now() + backoffMs(times, bounds.helperPullRetry);
      failed = { times, why: errorMessageOf(error), retryAt };
    } finally {
      pulling = null;
    }
  }

  async function state(): Promise<HostFacts['helper']> {
    if (await find()) return { image: name, ready: true, detail: '' };
    if (!pulling && Date.now() >= failed.retryAt) pulling = pull();
    if (pulling) await Promise.race([pulling, sleep(bounds.helperPullWaitMs)]);
    if (await find()) return { image: name, ready: true, detail: '' };
    const detail = pulling
      ? 'it is being pulled: try again when that has ended'
      : `it is not here, and could not be pulled: ${failed.why}`;
    return { image: name, ready: false, detail };
  }

  return {
    id: async () => (await find()) ?? name,
    state,
    close: () => closing.abort(),
  };
}
