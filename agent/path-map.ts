/** A directory of a container that keeps Compose files, and where this host has it. */
export interface PathMap {
  from: string;
  to: string;
}

const shape = /^((?:\/[^/\0\n]+)+?)=((?:\/[^/\0\n]+)+)$/;

/** Parses `FROM=TO`; null unless both are absolute, without `.` and `..`, and not the root. */
export function parsePathMap(text: string): PathMap | null {
  const [, from = '', to = ''] = shape.exec(text) ?? [];
  const isPlain = (path: string) => path !== '' && path.split('/').every((name) => name !== '.' && name !== '..');
  return isPlain(from) && isPlain(to) ? { from, to } : null;
}

export const mapFlag = ({ from, to }: PathMap): string => `--map-path ${from}=${to}`;
