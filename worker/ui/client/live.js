// A live page fetches itself again, on events or after a while, and replaces the parts that have changed.
import { localise } from './times.js';

const soonMs = 400;
/** A page takes far less; then it is said that nobody answers. */
const answerMs = 8_000;

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
      const answer = await fetch(location.href, {
        headers: { accept: 'text/html' },
        signal: AbortSignal.timeout(answerMs),
      });
      // Logged out or deleted meanwhile: show the result of the redirect.
      if (answer.redirected) location.reload();
      else if (answer.status >= 500) lost(main, true);
      else {
        if (answer.ok) takeOver(main, new DOMParser().parseFromString(await answer.text(), 'text/html'));
        lost(main, false);
      }
    } catch {
      lost(main, true);
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
  // The stream ended or was cut off; in both cases the page may be outdated.
  source.addEventListener('error', soon);
  window.addEventListener('pagehide', () => source.close());
}

/** Says since when nobody answers; the next refresh tries again. */
function lost(main, is) {
  const alert = main.querySelector('#lost');
  if (!is) alert.querySelector('time').dateTime = new Date().toISOString();
  localise(alert);
  alert.hidden = !is;
}

function takeOver(main, page) {
  localise(page);
  document.title = page.title;
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

/** Every form has a new key each time, so parts with forms carry a version. */
function differs(part, next) {
  return 'version' in part.dataset ? part.dataset.version !== next.dataset.version : part.innerHTML !== next.innerHTML;
}

/** Keeps fields that the user has started to fill in. */
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
