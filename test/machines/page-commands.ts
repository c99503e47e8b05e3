import { readFile } from 'node:fs/promises';

export interface PageCommand {
  machine: string;
  /** One or more lines of shell. */
  script: string;
  /** The nearest heading above it. */
  section: string;
}

/** The blocks of a page that are marked as a machine's shell, in their order: a fence that begins "```sh MACHINE". */
export async function pageCommands(path: string): Promise<PageCommand[]> {
  const found: PageCommand[] = [];
  let section = '';
  let open: { machine: string; lines: string[] } | null = null;
  for (const line of (await readFile(path, 'utf8')).split('\n')) {
    const fence = /^```(?:sh ([a-z-]+))?/.exec(line);
    if (open && fence) {
      found.push({ machine: open.machine, script: open.lines.join('\n'), section });
      open = null;
    } else if (open) open.lines.push(line);
    else if (fence?.[1]) open = { machine: fence[1], lines: [] };
    else section = /^#+ (.*)/.exec(line)?.[1] ?? section;
  }
  return found;
}
