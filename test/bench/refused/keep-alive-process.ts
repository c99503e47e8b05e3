import http from 'node:http';
import { sleep } from '../../../node/sleep.ts';

/**
 * Clients that keep a connection each and ask at it. One that was closed is made again, and a request that was cut on a
 * connection used before is repeated on a new one, as browsers and proxies do. `keep-alive URL CLIENTS PAUSE_MS`; the
 * result is sent when the parent says stop.
 */
const [url = '', clients = '10', pauseMs = '200'] = process.argv.slice(2);
const result = { sent: 0, failed: 0, errors: {} as Record<string, number>, longestMs: 0, connections: 0, repeated: 0 };
let stopped = false;

interface Answer {
  error: string | null;
  /** Whether it came, or failed to, at a connection that had answered before. */
  again: boolean;
}

const ask = (agent: http.Agent) =>
  new Promise<Answer>((resolve) => {
    const end = (error: string | null) => resolve({ error, again: request.reusedSocket });
    const request = http.get(url, { agent, timeout: 45_000 }, (response) => {
      response.resume();
      response.on('end', () => end(response.statusCode === 200 ? null : `${response.statusCode}`));
      response.on('error', (error) => end(error.message));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', (error) => end(error.message));
  });

async function client(): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (!stopped) {
    const startedAt = performance.now();
    result.sent += 1;
    let answer = await ask(agent);
    if (answer.error !== null && answer.again) {
      result.repeated += 1;
      answer = await ask(agent);
    }
    if (!answer.again) result.connections += 1;
    result.longestMs = Math.max(result.longestMs, Math.round(performance.now() - startedAt));
    if (answer.error !== null) {
      result.failed += 1;
      result.errors[answer.error] = (result.errors[answer.error] ?? 0) + 1;
    }
    await sleep(Number(pauseMs));
  }
  agent.destroy();
}

const all = Array.from({ length: Number(clients) }, client);
process.send?.('ready');
process.on('message', async () => {
  stopped = true;
  await Promise.all(all);
  process.send?.(result);
});
process.on('disconnect', () => process.exit(0));
