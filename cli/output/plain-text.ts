import { stripVTControlCharacters } from 'node:util';

/**
 * Makes a text safe for a terminal, on one line: names and messages come from hosts, and must not move the cursor or
 * change the writing direction of the text beside them.
 */
export function plainText(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\s/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
}

/** JSON with the characters escaped that `plainText` removes. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (unsafe) =>
    [...Array(unsafe.length).keys()].map((at) => `\\u${unsafe.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}
