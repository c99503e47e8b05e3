import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { changing, complaintFilter, torn } from '../../../../agent/engine/docker/helper/stderr-rules.ts';
import { limits } from '../../../../schema/limits.ts';

/** What awk leaves of the lines. */
const left = (lines: string[], tolerated: RegExp[] = []): string[] => {
  const input = lines.map((line) => `${line}\n`).join('');
  const { stdout, status } = spawnSync('awk', [complaintFilter(tolerated)], { input, encoding: 'latin1' });
  expect(status).toBe(0);
  return stdout.split('\n').slice(0, -1);
};

describe('F20 exit 0 hides loss, so what helpers say is read', () => {
  it.each([
    ['tar: ./run/app.sock: socket ignored', false],
    ['tar: ./a: file changed as we read it', true],
    ['tar: ./a: Cannot change ownership to uid 0, gid 0: Operation not permitted', true],
    ['tar: ./a: File shrank by 10 bytes; padding with zeros', true],
    ['tar: ./a: Warning: Cannot llistxattrat: No such file or directory', true],
  ])('%s', (line, worries) => {
    expect(left([line])).toEqual(worries ? [line] : []);
  });
});

describe('what is said of files that come and go while a stack runs is no loss', () => {
  it.each([
    ['tar: ./a: File removed before we read it', true],
    ['tar: ./a: file changed as we read it', true],
    ['tar: ./a: File shrank by 10 bytes; padding with zeros', true],
    ['tar: ./a: Warning: Cannot llistxattrat: No such file or directory', true],
    ['tar: ./a: Warning: Cannot lgetxattrat: No such file or directory', true],
    ['tar: ./a/b: Cannot stat: Not a directory', true],
    ['tar: ./a/b: Cannot stat: Too many levels of symbolic links', true],
    ['tar: ./a/b: Cannot open: Permission denied', false],
    ['tar: ./a: Warning: Cannot llistxattrat: Input/output error', false],
    ['tar: ./a: Warning: Cannot lgetxattrat: Permission denied', false],
    ['attributes: pg_wal/xlogtemp.213: No such file or directory', true],
    ["find: './pg_wal/xlogtemp.213': No such file or directory", true],
    ["find: './a/b': Not a directory", true],
    ["find: './a': Permission denied", false],
    ['tar: ./a: Read error at byte 0: Input/output error', false],
  ])('%s', (line, expected) => {
    expect(changing.some((pattern) => pattern.test(line))).toBe(expected);
    // awk reads the patterns as we do, and keeps what explains an exit code.
    expect(left([line, line], changing)).toEqual(expected ? [line] : [line, line]);
  });
});

describe('what is said where names of different moments arrive is no loss', () => {
  it.each([
    ["tar: ./a/b: Cannot create symlink to 'c': File exists", true],
    ['tar: ./a: Cannot mkfifo: File exists', true],
    ['tar: ./a: Cannot open: File exists', true],
    ["tar: ./a/b: Cannot hard link to './a/c': No such file or directory", true],
    ['tar: ./a/b: Cannot open: Not a directory', true],
    ['tar: Exiting with failure status due to previous errors', true],
    ['tar: ./a: Cannot write: No space left on device', false],
    ['tar: ./a: Cannot change ownership to uid 0, gid 0: Operation not permitted', false],
    ['tar: Unexpected EOF in archive', false],
  ])('%s', (line, expected) => {
    expect(left([line, line], torn)).toEqual(expected ? [line] : [line, line]);
  });
});

describe('any number of complaints that mean no loss', () => {
  const many = (line: (n: number) => string) => Array.from({ length: 50_000 }, (_, n) => line(n));
  const loss = 'tar: ./a: Read error at byte 0: Input/output error';

  it('hides none that does', () => {
    const sockets = many((n) => `tar: ./${n}: socket ignored`);
    expect(left([...sockets, loss])).toEqual([loss]);
    const gone = many((n) => `tar: ./${n}: Cannot stat: No such file or directory`);
    expect(left([...gone, loss], changing)).toEqual([gone[0], loss]);
  });

  it('is bounded where they do', () => {
    const kept = left(many((n) => `tar: ./${n}: Cannot open: Permission denied`));
    expect(kept[0]).toBe('tar: ./0: Cannot open: Permission denied');
    expect(kept.join('').length).toBeGreaterThan(limits.agent.helperStderrBytesMax);
    expect(kept.join('').length).toBeLessThan(limits.agent.helperStderrBytesMax + 100);
  });
});
