import { z } from 'zod';
import { limits } from './limits.ts';

/** Chooses every bind mount that can be moved. */
export const everyBind = 'all';

/**
 * Which bind mounts to move: `all`, or `PATH` for those at or below it, or `PATH=PLACE` to give them another place on
 * the target. Both are absolute, without `.` and `..`.
 */
export const bindChoice = z
  .string()
  .max(limits.api.bindChoiceCharsMax)
  .refine((text) => text === everyBind || parts(text).every(isPlain), {
    error: 'Use "all", an absolute path, or PATH=PLACE with two absolute paths, without "." and "..".',
  })
  .describe('`all`; a path of the source; or `/path=/place` for another place on the target.');

/** Takes a choice that is not `all` apart. */
export function pathAndPlace(choice: string): { path: string; place: string } {
  const [path = '', place = path] = parts(choice);
  return { path, place };
}

/** A path may contain `=`: only one before a slash separates. */
const parts = (choice: string): string[] => {
  const at = choice.indexOf('=/');
  return at === -1 ? [choice] : [choice.slice(0, at), choice.slice(at + 1)];
};

const isPlain = (path: string): boolean =>
  /^(\/[^/\0\n]+)+$/.test(path) && !path.split('/').some((name) => name === '.' || name === '..');
