import http from 'node:http';
import { sleep } from '../../node/sleep.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';

/** What the visitors of a page met. */
export interface Visits {
  made: number;
  failed: number;
  longestMs: number;
}

/** Opens the page again and again, each time by a connection of its own, until `ended`, which waits for every answer. */
export function startVisitors(url: string): { ended(): Promise<Visits> } {
  const { visitEveryMs, visitMsMax } = limits.demo;
  const visits: Visits = { made: 0, failed: 0, longestMs: 0 };
  const open = new Set<Promise<void>>();
  const visit = async () => {
    const startedAt = performance.now();
    visits.made += 1;
    if ((await textOf(url, visitMsMax)) === null) visits.failed += 1;
    visits.longestMs = Math.max(visits.longestMs, performance.now() - startedAt);
  };
  const timer = setInterval(() => {
    const one = visit().finally(() => open.delete(one));
    open.add(one);
  }, visitEveryMs);
  return {
    ended: async () => {
      clearInterval(timer);
      await Promise.all(open);
      return visits;
    },
  };
}

/** The page, by a new connection; null if it was refused, cut or not served well. */
function textOf(url: string, msMax: number): Promise<string | null> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: msMax }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(response.statusCode === 200 ? text : null));
      response.on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', () => resolve(null));
  });
}

/** What the page counts after so many visits; it is asked once more to see. Throws if a visit was not counted. */
export function counted(before: string | null, { made, failed }: Visits, after: string | null): string {
  const [first, last] = [before, after].map((text) => Number(/\d+/.exec(text ?? '')?.[0] ?? Number.NaN));
  const added = last! - first! - 1;
  // One that failed may have been counted before its answer was lost.
  if (!(added >= made - failed && added <= made))
    throw new Error(`${made} visits were made, and the page counted ${added}`);
  return `the page went on counting: ${first} before, ${last} now`;
}

/** In one line for a person. */
export function told({ made, failed, longestMs }: Visits, downtime: MigrationView['downtime']): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const downMs = Date.parse(downtime?.ended_at ?? '') - Date.parse(downtime?.began_at ?? '');
  const down = Number.isNaN(downMs) ? '' : `; the stack was down for ${seconds(downMs)}`;
  return `visits to the old address meanwhile: ${made}, failed: ${failed}, longest wait: ${seconds(longestMs)}${down}`;
}

/** Visitors of a page come until `told`, which also looks whether each was counted. */
export async function watchPage(url: string): Promise<{ told(migration: MigrationView): Promise<string[]> }> {
  const { aroundMs, visitMsMax } = limits.demo;
  const before = await textOf(url, visitMsMax);
  const visitors = startVisitors(url);
  await sleep(aroundMs);
  return {
    async told({ downtime }) {
      await sleep(aroundMs);
      const visits = await visitors.ended();
      return [told(visits, downtime), counted(before, visits, await textOf(url, visitMsMax))];
    },
  };
}
