// Progressive enhancement. Everything works without scripts: forms are sent, and live pages reload themselves.
import { keepLive } from './live.js';
import { localise, tick } from './times.js';

localise(document);
setInterval(() => localise(document), 30_000);
setInterval(tick, 1_000);
keepLive(document.querySelector('main'));

// Enables the button once the name is typed; the control plane checks it again.
document.addEventListener('input', ({ target }) => {
  const form = target.closest('form[data-confirm]');
  if (form) allow(form);
});
document.addEventListener('toggle', ({ target }) => target.querySelectorAll('form[data-confirm]').forEach(allow), true);
document.querySelectorAll('details[open] form[data-confirm]').forEach(allow);
function allow(form) {
  form.querySelector('button[type=submit]').disabled = form.elements.confirm.value.trim() !== form.dataset.confirm;
}

// Shows that a slow request is running, and prevents a second click.
document.addEventListener('submit', ({ target, submitter, defaultPrevented }) => {
  if (defaultPrevented || !submitter) return;
  const words = target.dataset.slow ?? submitter.dataset.slow;
  submitter.setAttribute('aria-busy', 'true');
  if (words) submitter.textContent = words;
  setTimeout(() => {
    submitter.disabled = true;
  });
});
// Restored by "back": reload, since the page shows the state when it was sent.
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload();
});

for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = 'Copied';
  });
}
