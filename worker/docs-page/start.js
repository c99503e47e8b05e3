/* global SwaggerUIBundle */
// Swagger UI's own dark colours follow the system, as those of the other pages do.
const dark = matchMedia('(prefers-color-scheme: dark)');
const dress = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', dress);
dress();

const regions = { '.information-container': 'About the API', '.scheme-container': 'Server and token' };

/** What Swagger UI leaves without a name for those who do not see it. */
function name() {
  for (const [part, label] of Object.entries(regions)) {
    const region = document.querySelector(`.swagger-ui ${part}`);
    region?.setAttribute('role', 'region');
    region?.setAttribute('aria-label', label);
  }
  for (const select of document.querySelectorAll('.swagger-ui select:not([aria-label])'))
    select.setAttribute('aria-label', select.closest('.response-control-media-type') ? 'Media type' : 'Choice');
  for (const input of document.querySelectorAll('.swagger-ui :is(input, textarea):not([aria-label], [id])'))
    input.setAttribute('aria-label', input.placeholder || 'Value');
  // The row is a button already; a link inside of it would be a second one. The hash follows either way.
  for (const link of document.querySelectorAll('.swagger-ui button a[href]')) link.removeAttribute('href');
  // The title is a heading of the first level, and the next one of the third.
  for (const heading of document.querySelectorAll('.swagger-ui :is(h3, h4, h5):not([aria-level])'))
    heading.setAttribute('aria-level', String(Number(heading.tagName.at(1)) - 1));
  for (const region of document.querySelectorAll('.swagger-ui :is(.highlight-code pre, .microlight):not([tabindex])'))
    region.tabIndex = 0;
}

SwaggerUIBundle({
  url: '/api/v1/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  // Off: it would send the document to an external validator.
  validatorUrl: null,
  onComplete: () => {
    name();
    new MutationObserver(name).observe(document.getElementById('api'), { childList: true, subtree: true });
  },
});
