import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseSurvey, surveyScript } from '../../../../agent/engine/docker/data/survey-script.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

const execute = promisify(execFile);

/** Runs a shell script as root of a mount namespace of its own. */
const inOwnNamespace = async (script: string, ...args: string[]) => {
  const env = { ...process.env, IO: await temporaryDirectory() };
  return (await execute('unshare', ['-rm', 'sh', '-c', script, 'sh', ...args], { env })).stdout;
};

describe('surveyScript', () => {
  it('P1 R3: a disk, and a directory of the same disk, mounted below a tree are both found', async () => {
    const root = await temporaryDirectory();
    const setUp = `
      cd "$1" && mkdir -p tree/plain tree/disk/inner "tree/a b" other elsewhere && echo 12345 >tree/plain/file
      mount -t tmpfs none tree/disk && echo hidden >tree/disk/file && mount --bind other "tree/a b"
      set -- "$PWD/tree" "$PWD/elsewhere"`;
    const surveys = parseSurvey(await inOwnNamespace(setUp + surveyScript(null), root));
    expect(surveys).toEqual([
      {
        mark: expect.stringMatching(/^\d+:\d+$/),
        nested: [
          { path: 'disk', kind: 'tmpfs' },
          { path: 'a b', kind: expect.any(String) },
        ],
        size: { bytes: 6, tar_bytes: expect.any(Number), entries: 5, largest_bytes: 6 },
        immutable: [],
        left: [],
      },
      {
        ...{ mark: expect.stringMatching(/^\d+:\d+$/), nested: [], immutable: [], left: [] },
        size: { bytes: 0, tar_bytes: 1536, entries: 1, largest_bytes: 0 },
      },
    ]);
  });

  it('P1: another device without a mount of its own, as a btrfs subvolume, is found by its number', () => {
    expect(parseSurvey('tree 1:2\nnested device sub volume\nsize 1 2 3 4\nend\n')?.[0]?.nested).toEqual([
      { path: 'sub volume', kind: 'device' },
    ]);
  });

  it('P12, R23, R31: a file counts as what it takes on the disk, once for all its names, and names with newlines confuse nothing', async () => {
    const root = await temporaryDirectory();
    const setUp = `
      cd "$1" && truncate -s 1G sparse && printf 1234 >one && ln one two && printf x >"$(printf 'f 0 9 9 1\\nf 0 999999 99999 1 7')"
      set -- "$PWD"`;
    const [tree] = parseSurvey(await inOwnNamespace(setUp + surveyScript(5), root)) ?? [];
    expect(tree?.size).toMatchObject({ bytes: 5, entries: 5 });
  });

  it('R35: files that are immutable or append-only are named', async () => {
    const root = await temporaryDirectory();
    await execute('sh', [
      '-c',
      'cd "$1" && echo x >a && echo x >"b c" && echo x >d && chattr +i a && chattr +a "b c"',
      'sh',
      root,
    ]);
    onTestFinished(async () => void (await execute('chattr', ['-ia', `${root}/a`, `${root}/b c`])));
    const [tree] = parseSurvey(await inOwnNamespace(`set -- "$1"${surveyScript(5)}`, root)) ?? [];
    expect(tree?.immutable.sort()).toEqual(['a', 'b c']);
  });

  it('P12: a tree that could not be walked in time has no size, not a size of 0', () => {
    expect(parseSurvey('tree 1:2\nend\n')).toEqual([{ mark: '1:2', nested: [], size: null, immutable: [], left: [] }]);
    expect(parseSurvey('tree 1:2\nsize 1 2 3 4\n')).toBeNull();
  });
});
