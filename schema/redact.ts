/**
 * What a secret of ours looks like, whoever wrote it into a text. Both loggers pass every line through this, so that no
 * author of a line has to think of it. Values that only one machine knows (of an `.env`) are the agent's log's own.
 */
const shapes: [RegExp, string][] = [
  [/-----BEGIN [A-Z0-9 ]{1,40}-----[\s\S]*?(?:-----END [A-Z0-9 ]{1,40}-----|$)/g, '[redacted PEM]'],
  [/\b(sf[yjs])_[0-9A-Za-z]{16,}/g, '$1_[redacted]'],
  [/\bwhsec_[0-9A-Za-z+/=]{8,}/g, 'whsec_[redacted]'],
  [/\beyJ[\w-]{8,}\.[\w-]*(?:\.[\w-]*)?/g, '[redacted JWT]'],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{6,}/gi, '$1 [redacted]'],
  [/(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#@]+@/gi, '$1[redacted]@'],
];

export function redactShapes(text: string): string {
  return shapes.reduce((clean, [shape, instead]) => clean.replace(shape, instead), text);
}
