const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** `mig_01h…`: sorts by time of creation, 48 bits of milliseconds and 80 random ones in Crockford's base 32. */
export function newId(
  prefix: 'host' | 'relay' | 'stack' | 'mig' | 'drain' | 'tok' | 'whk' | 'evt',
  now = Date.now(),
): string {
  let time = '';
  for (let rest = now, digit = 0; digit < 10; digit++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  const random = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => alphabet[byte % 32]).join('');
  return `${prefix}_${time}${random}`;
}
