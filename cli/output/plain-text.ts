import { stripVTControlCharacters } from 'node:util';

/**
 * One line that a terminal only shows: names and messages come from hosts, and must neither move the cursor nor turn
 * the reading direction of what stands beside them.
 */
export function plainText(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\s/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
}

/** JSON that is as safe to show: what `plainText` takes out is escaped. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (unsafe) =>
    [...Array(unsafe.length).keys()].map((at) => `\\u${unsafe.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}
