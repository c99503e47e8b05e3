import http from 'node:http';

/** Requests at a fixed rate, each on a connection of its own. `load URL RATE`; the result is sent when the test says stop. */
const [url = '', rate = '200'] = process.argv.slice(2);
const result = {
  sent: 0,
  failed: 0,
  errors: {} as Record<string, number>,
  by: {} as Record<string, number>,
  longestMs: 0,
  /** When the first and the last request that failed were made, as epoch milliseconds. */
  failedFrom: 0,
  failedUntil: 0,
};
let open = 0;

const request = () => {
  const startedAt = performance.now();
  const madeAt = Date.now();
  result.sent += 1;
  open += 1;
  let over = false;
  const end = (error: string | null, body = '') => {
    if (over) return;
    over = true;
    open -= 1;
    result.longestMs = Math.max(result.longestMs, Math.round(performance.now() - startedAt));
    if (error !== null) {
      result.failed += 1;
      result.failedFrom ||= madeAt;
      result.failedUntil = Math.max(result.failedUntil, madeAt);
      result.errors[error] = (result.errors[error] ?? 0) + 1;
    } else result.by[body] = (result.by[body] ?? 0) + 1;
  };
  const asked = http.get(url, { agent: false, timeout: 45_000 }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (text) => {
      body += text;
    });
    response.on('end', () => end(response.statusCode === 200 ? null : `${response.statusCode}`, body));
    response.on('error', (error) => end(error.message));
  });
  asked.on('timeout', () => asked.destroy(new Error('timeout')));
  asked.on('error', (error) => end(error.message));
};

const startedAt = performance.now();
const timer = setInterval(() => {
  const due = ((performance.now() - startedAt) * Number(rate)) / 1000;
  while (result.sent < due) request();
}, 5);
process.send?.('ready');
process.on('message', () => {
  clearInterval(timer);
  const wait = setInterval(() => {
    if (open > 0) return;
    clearInterval(wait);
    process.send?.(result);
  }, 20);
});
process.on('disconnect', () => process.exit(0));
