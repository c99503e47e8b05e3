const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

type IdPrefix = 'host' | 'relay' | 'stack' | 'mig' | 'drain' | 'tok' | 'whk' | 'evt';

/** `mig_01h…`: sorts by time of creation, 48 bits of milliseconds and 80 random ones in Crockford's base 32. */
export function newId(prefix: IdPrefix, now = Date.now()): string {
  const random = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => alphabet[byte % 32]).join('');
  return `${firstIdAt(prefix, now)}${random}`;
}

/** Sorts before every id of this prefix made at this time or later, and after all earlier ones. */
export function firstIdAt(prefix: IdPrefix, at: number): string {
  let time = '';
  for (let rest = at, digit = 0; digit < 10; digit++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  return `${prefix}_${time}`;
}

/** When this id was made, in epoch milliseconds. */
export function timeOfId(id: string): number {
  const digits = id.slice(id.indexOf('_') + 1).slice(0, 10);
  return [...digits].reduce((time, digit) => time * 32 + alphabet.indexOf(digit), 0);
}
