// Times in the reader's time zone: how long ago, and the exact time on hover.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

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

export function localise(root) {
  for (const time of root.querySelectorAll('time')) {
    const at = Date.parse(time.dateTime);
    time.title = moment.format(at);
    if ('ago' in time.dataset) time.textContent = ago(Date.now() - at);
    if ('clock' in time.dataset) time.textContent = clock.format(at);
  }
}
