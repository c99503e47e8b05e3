import { expect } from 'vitest';
import { isElsewhere } from './elsewhere.ts';
import type { Background, Bindings, Shell } from './shell.ts';
import { statementsOf } from './statements.ts';

export interface Reader {
  /** Runs the first command left that begins so. It must end with 0 and say this; resolves to all that it said. */
  run(begins: string, says: RegExp, bindings?: Bindings): Promise<string>;
  /** The same for one that goes on running: resolves once it has said this. */
  start(begins: string, says: RegExp): Promise<Background>;
}

/** Does what a section of a page says, as the story tells it; no command of the section may be left then. */
export async function follow(
  shell: Shell,
  page: string,
  section: string,
  story: (reader: Reader) => Promise<void>,
): Promise<void> {
  const left = statementsOf(page).filter((statement) => statement.section === section && !isElsewhere(statement));
  const take = (begins: string): string => {
    const at = left.findIndex(({ text }) => text.startsWith(begins));
    if (at >= 0) return left.splice(at, 1)[0]!.text;
    const others = left.map(({ text }) => text).join('\n');
    throw new Error(`${page}, "${section}" has no command "${begins}" left, but:\n${others}`);
  };
  await story({
    async run(begins, says, bindings) {
      const text = take(begins);
      const { code, out } = await shell.run(text, bindings);
      expect(code, `${page}: ${text}\n${out}`).toBe(0);
      expect(out, `${page}: ${text}`).toMatch(says);
      return out;
    },
    start: (begins, says) => shell.start(take(begins), says),
  });
  expect(left.map(({ text }) => text)).toEqual([]);
}
