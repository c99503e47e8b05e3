import { z } from 'zod';
import { Problem } from '../problem.ts';

/**
 * Cursors are opaque to clients: the sort key of a page's last item, as JSON in base64url. They are only used as bound
 * parameters, so a forged one can skip items but reach nothing else.
 */
const parts = z.array(z.string().max(300)).min(1).max(2);

export function encodeCursor(key: string[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify(key));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** Returns the sort key of `length` parts, or null without a cursor. Throws on anything not made by `encodeCursor`. */
export function decodeCursor(cursor: string | undefined, length: number): string[] | null {
  if (cursor === undefined) return null;
  try {
    const text = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const key = parts
      .length(length)
      .parse(JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)));
    return key;
  } catch {
    throw unusable();
  }
}

/** The same for a key of numbers, such as the id of a row. */
export function decodeNumbers(cursor: string | undefined, length: number): number[] | null {
  const key = decodeCursor(cursor, length);
  if (key?.some((part) => !/^\d{1,15}$/.test(part))) throw unusable();
  return key?.map(Number) ?? null;
}

export const decodeNumber = (cursor: string | undefined): number | null => decodeNumbers(cursor, 1)?.[0] ?? null;

const unusable = () => new Problem('invalid_cursor', 'Pass "next_cursor" of the previous page unchanged.');

/** Builds a page from `limit + 1` rows: the extra row shows that there are more. */
export function pageOf<T>(rows: T[], limit: number, keyOf: (row: T) => string[]) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next_cursor: rows.length > limit && last ? encodeCursor(keyOf(last)) : null };
}
