// A live page asks for itself again, when events say so or after a while, and takes over the parts that have changed.
import { localise } from './times.js';

const soonMs = 400;

export function keepLive(main) {
  const { events, every } = main.dataset;
  if (!events && !every) return;
  let asking = false;
  let again = false;
  let due = false;

  async function look() {
    if (asking || document.hidden) {
      again = true;
      return;
    }
    asking = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      // Logged out meanwhile, or gone: as a reader would see it.
      if (answer.redirected) location.reload();
      else if (answer.ok) takeOver(main, new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch {
      // The control plane is away; the next look may find it.
    }
    asking = false;
    if (again) soon();
  }
  function soon() {
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      look();
    }, soonMs);
  }

  if (every) setInterval(look, Number(every) * 1000);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && again) soon();
  });
  if (!events) return;
  const source = new EventSource(events);
  for (const kind of ['status', 'failure', 'notice', 'cleanup_due', 'progress']) source.addEventListener(kind, soon);
  // It has ended, or was cut off: either way what is shown may be old.
  source.addEventListener('error', soon);
  window.addEventListener('pagehide', () => source.close());
}

function takeOver(main, page) {
  localise(page);
  for (const part of main.querySelectorAll('[data-live]')) {
    const next = page.getElementById(part.id);
    if (!next || !differs(part, next) || inUse(part)) continue;
    const held = part.contains(document.activeElement) ? document.activeElement : null;
    part.replaceChildren(...next.childNodes);
    for (const { name, value } of next.attributes) part.setAttribute(name, value);
    if (held) refocus(part, held);
  }
  for (const part of main.querySelectorAll('[data-live-text]')) {
    const text = page.getElementById(part.id)?.textContent;
    if (text !== undefined && text !== part.textContent) part.textContent = text;
  }
}

/** Forms have a key of their own each time, so parts that hold some say themselves when they differ. */
function differs(part, next) {
  return 'version' in part.dataset ? part.dataset.version !== next.dataset.version : part.innerHTML !== next.innerHTML;
}

/** Nobody's half-typed word is taken away. */
function inUse(part) {
  const held = document.activeElement;
  return part.contains(held) && held.matches('input:not([type=hidden]), select, textarea') && held.value !== '';
}

function refocus(part, { id, tagName, textContent, href }) {
  const twin = id
    ? document.getElementById(id)
    : [...part.querySelectorAll(tagName)].find((one) => one.textContent === textContent && one.href === href);
  (twin ?? part.closest('main')).focus({ preventScroll: true });
}
