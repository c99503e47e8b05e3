import { consentNames, consents } from './consents.ts';

/** Options of the API in advice become the fields of the pages. */
export function inWordsOfPages(text: string): string {
  const said = text
    .replace('"sizing": "stack"', 'room for this stack alone')
    .replace('"sizing": "host"', 'room for the whole host')
    .replace('"mode": "stop-copy"', '"Stop, then copy"')
    .replace('"mode": "pre-copy"', '"Copy first, then stop"')
    .replace(/\(to move it: "binds": [^)]*\)/g, '(to move it, choose it under "Bind mounts")')
    .replace(/Another place: "binds": \S+/g, 'Give it another place under "Bind mounts".')
    .replace(/give it: "env": \[[^\]]*\]/g, 'give its value below')
    .replaceAll('"cutover_dns"', '"Names"');
  return consentNames.reduce((words, name) => {
    const label = `"${consents[name].label}"`;
    // A host may have the name of an option.
    return words
      .replaceAll(`"${name}": true`, label)
      .replaceAll(`add "${name}"`, `add ${label}`)
      .replaceAll(`without "${name}"`, `without ${label}`);
  }, said);
}
