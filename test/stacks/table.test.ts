import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue, headings, inEachRun } from './catalogue/index.ts';
import { movesBy, movesPage } from './table.ts';

describe('the table of stacks in docs/what-moves.md', () => {
  it('is what the descriptions say: `npm run moves` brings it up to date', async () => {
    const { before, after } = await movesPage();
    expect(before).toBe(after);
  });

  it('has a description for each directory, and a directory for each description', async () => {
    expect((await readdir(join(import.meta.dirname, 'files'))).toSorted()).toEqual(Object.keys(catalogue).toSorted());
    const names = Object.values(headings).flatMap((stacks) => Object.keys(stacks));
    expect(new Set(names).size).toBe(names.length);
    for (const name of inEachRun) expect(names).toContain(name);
  });

  it('says of each stack whether it moves as it is, with what, or why not', () => {
    expect(movesBy({})).toBe('as it is');
    expect(movesBy({ needs: { binds: ['../x'], allow: ['devices', 'cap_add'] } })).toBe(
      'with `--bind`, if the target’s owner allows `devices`, `cap_add`',
    );
    expect(movesBy({ needs: { allow: ['host_path'] }, refused: /x\.conf is a single file/ })).toBe(
      'no: "x.conf is a single file"',
    );
  });
});
