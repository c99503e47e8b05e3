// Times in the reader's time zone: how long ago, and the exact time on hover.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

const short = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });

/** The same words as in schema/units.ts. */
function ago(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (ms < 30_000) return 'just now';
  if (minutes < 1) return `${Math.round(ms / 1000)} s ago`;
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ''} ago`;
}

/** `0:08`, `1:02:03`: as `clock` in schema/units.ts. */
function running(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  const minutes = Math.floor(s / 60) % 60;
  return s < 3600 ? `${minutes}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(minutes)}:${two(s % 60)}`;
}

/** Clocks that run: each second. */
export function tick() {
  for (const time of document.querySelectorAll('time[data-since]'))
    time.textContent = running(Date.now() - Date.parse(time.dateTime));
}

export function localise(root) {
  for (const time of root.querySelectorAll('time')) {
    const at = Date.parse(time.dateTime);
    time.title = moment.format(at);
    if ('ago' in time.dataset) time.textContent = ago(Date.now() - at);
    if ('since' in time.dataset) time.textContent = running(Date.now() - at);
    if ('moment' in time.dataset) time.textContent = short.format(at);
    if ('clock' in time.dataset) time.textContent = clock.format(at);
  }
}
