/** Truncates a message to this many characters by cutting its middle, since the reason is usually at the end. */
export function shortened(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const kept = Math.max(0, charsMax - mark.length);
  const head = Math.ceil(kept / 3);
  return `${text.slice(0, head)}${mark}${text.slice(text.length - (kept - head))}`.slice(0, charsMax);
}

const mark = ' … ';
