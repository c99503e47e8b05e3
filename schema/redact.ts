/**
 * Patterns of this product's secrets and of common credentials. Both loggers redact every line, so that no caller can
 * forget to. Values known to one machine only are redacted there: its own secrets by its log, what a container was given where
 * its output is read (`agent/engine/docker/stack/own-values.ts`).
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
