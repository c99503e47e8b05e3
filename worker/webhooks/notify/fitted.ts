interface Fit {
  encode?: (char: string) => string;
  /** Size of an escaped character in the service's unit; UTF-16 units by default. */
  size?: (escaped: string) => number;
}

/** Escapes a text, and cuts it so that the result has at most the size `max`: an escape is never cut in two. */
export function fitted(text: string, max: number, { encode = (char) => char, size = (part) => part.length }: Fit = {}) {
  const parts = [...text].map(encode);
  const sizes = parts.map(size);
  if (sizes.reduce((sum, each) => sum + each, 0) <= max) return parts.join('');
  let left = max - size(cutMark);
  let kept = 0;
  while (kept < parts.length && sizes[kept]! <= left) left -= sizes[kept++]!;
  return parts.slice(0, kept).join('') + cutMark;
}

const cutMark = '…';
