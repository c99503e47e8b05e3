import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseSurvey, surveyScript } from '../../../../agent/engine/docker/data/survey-script.ts';
import {
  attributesScript,
  contentScript,
  entriesScript,
  packing,
} from '../../../../agent/engine/docker/data/tar-arguments.ts';
import { uncarriedScript } from '../../../../agent/engine/docker/data/uncarried.ts';
import { changing } from '../../../../agent/engine/docker/helper/stderr-rules.ts';
import { scanScript } from '../../../../agent/precopy/listing.ts';
import { removeTree } from '../../../../agent/remove-tree.ts';
import { walkOf } from '../../../../agent/transfer/left-out-script.ts';
import { quoted } from '../../../../node/shell-word.ts';
import { below, excludePattern, excludePatterns, type Reach, reachBelow } from '../../../../schema/exclude-pattern.ts';
import { limits } from '../../../../schema/limits.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

const execute = promisify(execFile);

/** As bytes: what shells, regular expressions, tar and awk take for something else, and what is no UTF-8. */
const names = [
  'a',
  'ab',
  'b.c',
  'ü',
  '\xff',
  '*',
  '[a]',
  "it's",
  'x\ny',
  '-T',
  '$(a)',
  '100%s',
  'a\\b',
  '(a|b)',
  '^a',
  '{2}',
  ' ',
];
const isText = (name: string) => !/[\xff\n]/.test(name);
const bytes = (name: string) => Buffer.from(name, name === 'ü' ? 'utf8' : 'latin1');

/** Directories of three levels with every name, and a file in each. Returns every path below it, as bytes. */
async function makeTree(root: string): Promise<string[]> {
  const paths: string[] = [];
  const fill = async (at: Buffer, relative: string, depth: number, some: string[]) => {
    for (const name of some) {
      const path = Buffer.concat([at, Buffer.from('/'), bytes(name)]);
      const shown = relative + bytes(name).toString('latin1');
      paths.push(shown);
      await mkdir(path);
      await writeFile(Buffer.concat([path, Buffer.from('/f.part')]), 'x');
      paths.push(`${shown}/f.part`);
      if (depth > 1) await fill(path, `${shown}/`, depth - 1, some.slice(0, 9));
    }
  };
  await fill(Buffer.from(root), '', 2, names);
  return paths;
}

/** What is not left out, by our own matcher. */
const kept = (paths: string[], reach: Reach[]): string[] =>
  paths.filter((path) => path.split('/').reduce<Reach[] | null>((at, name) => at && below(at, name), reach) !== null);

/** A name of the tree, whole, or with a sign in place of a part of it. */
const segment = fc.oneof(
  fc.constantFrom('**', '*', '?', '??', '*.part', 'f.part', 'f?part', 'f*'),
  fc
    .tuple(fc.constantFrom(...names.filter(isText)), fc.nat(6), fc.constantFrom('', '', '?', '*', '??', '*?'))
    .map(([name, at, sign]) =>
      sign === '' ? name : name.slice(0, at % name.length) + sign + name.slice((at % name.length) + 1),
    )
    .map((name) => name.replaceAll(/\*+/g, '*')),
);
const patternBelow = (root: string) =>
  fc
    .array(segment, { minLength: 1, maxLength: 4 })
    .map((some) => `${root}/${some.join('/')}`)
    .filter((pattern) => excludePattern.safeParse(pattern).success);

async function run(script: string, root: string, args: string[] = []): Promise<{ out: string; io: string }> {
  const io = await temporaryDirectory();
  const here = script.replaceAll('cd /v', `cd '${root}'`);
  const options = { env: { ...process.env, IO: io }, encoding: 'latin1', maxBuffer: 64 * 2 ** 20 } as const;
  const { stdout, stderr } = await execute('sh', ['-c', here, 'sh', ...args], options);
  expect(stderr).toBe('');
  return { out: stdout, io };
}

/** The members of a tar, with GNU tar's `./` and the slash after a directory taken off. */
async function membersOf(script: string, args: string[], root: string): Promise<string[]> {
  const list = `{ ${script}; } | tar -t --quoting-style=escape -f - | sed 's/$/\\x01/' | tr -d '\\n' | tr '\\001' '\\0'`;
  const { out } = await run(
    list,
    root,
    args.map((one) => (one === '/v' ? root : one)),
  );
  return plain(out.split('\0').map(unescaped));
}
const unescaped = (name: string) =>
  name.replace(/\\(n|\\|[0-7]{3})/g, (_, sign: string) =>
    sign === 'n' ? '\n' : sign === '\\' ? '\\' : String.fromCharCode(Number.parseInt(sign, 8)),
  );
const plain = (found: string[]) =>
  found
    .map((name) => name.replace(/^\.\//, '').replace(/\/$/, ''))
    .filter((name) => name !== '' && name !== '.')
    .sort();

it('what our matcher leaves out is what find leaves out', async () => {
  const root = await temporaryDirectory();
  const paths = await makeTree(root);
  let some = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(patternBelow(root), { minLength: 1, maxLength: 3 }), async (patterns) => {
      const reach = reachBelow(patterns, root);
      const expected = kept(paths, reach).sort();
      if (expected.length < paths.length) some += 1;
      const script = `cd "$1" && ${walkOf(reach)} -print0`;
      const { stdout } = await execute('sh', ['-c', script, 'sh', root], { encoding: 'latin1' });
      expect(plain(stdout.split('\0'))).toEqual(expected);
    }),
    { numRuns: 200 },
  );
  expect(some).toBeGreaterThan(60);
}, 120_000);

const recordsOf = async (listing: string) =>
  (await execute('cat', [listing], { encoding: 'latin1' })).stdout.split('\0').slice(0, -1);

it('what find leaves out is what tar, the manifest, the passes and the survey leave out', async () => {
  const root = await temporaryDirectory();
  const paths = await makeTree(root);
  await fc.assert(
    fc.asyncProperty(fc.array(patternBelow(root), { minLength: 1, maxLength: 6 }), async (patterns) => {
      const reach = reachBelow(patterns, root);
      const expected = kept(paths, reach).sort();
      const tar = packing(reach);
      expect(await membersOf(tar.script, tar.arguments, root)).toEqual(expected);
      const walked = await run(entriesScript(reach, '$IO/listed'), root);
      const entries = walked.out;
      const listed = entries
        .slice(entries.indexOf('entries\0') + 'entries\0'.length)
        .split('\0')
        .slice(0, -2);
      expect(plain(listed.map((record) => record.split('//')[0]!))).toEqual(expected);
      const files = expected.filter((path) => path.endsWith('.part'));
      expect(await membersOf(contentScript(reach), [], root)).toEqual(files);
      const { io } = await run(scanScript('$IO/listing', '$IO/attributed', reach).replace('-T /io', ''), root);
      const scanned = await recordsOf(join(io, 'listing'));
      expect(plain(scanned.map((record) => record.split('//')[0]!))).toEqual(expected);
      const regular = scanned.filter((record) => record.includes('//f '));
      expect(await recordsOf(join(walked.io, 'listed'))).toEqual(regular);
      expect(regular.map((record) => record.split('//')[0])).toEqual(files);
      const [survey] = parseSurvey((await run(`set -- '${root}'${surveyScript(null, reach)}`, root)).out) ?? [];
      expect(survey?.size?.entries).toBe(expected.length + 1);
      const left = survey?.left.reduce((sum, { size_bytes }) => sum + (size_bytes ?? Number.NaN), 0) ?? 0;
      expect((survey?.size?.bytes ?? 0) + left).toBe(paths.filter((path) => path.endsWith('.part')).length);
      await run(attributesScript(reach), root);
    }),
    { numRuns: 10 },
  );
}, 120_000);

it('a purge deletes what moved, and keeps what was left out with the directories that it is in', async () => {
  const names = (found: string) =>
    found
      .split('\0')
      .filter((name) => name !== '')
      .sort();
  const listed = async (root: string) =>
    names((await execute('find', [root, '-mindepth', '1', '-printf', '%P\\0'], { encoding: 'latin1' })).stdout);
  await fc.assert(
    fc.asyncProperty(fc.array(patternBelow('/ROOT'), { minLength: 1, maxLength: 3 }), async (relative) => {
      const root = await temporaryDirectory();
      const paths = await makeTree(root);
      const reach = reachBelow(
        relative.map((pattern) => root + pattern.slice('/ROOT'.length)),
        root,
      );
      const stays = paths.filter((path) => !kept([path], reach).includes(path));
      const parents = stays.flatMap((path) => path.split('/').map((_, at, all) => all.slice(0, at).join('/')));
      const isGone = await removeTree(root, reach);
      expect(isGone).toBe(stays.length === 0);
      expect(isGone ? [] : await listed(root)).toEqual(names([...new Set([...stays, ...parents])].join('\0')));
    }),
    { numRuns: 8 },
  );
}, 120_000);

it('the survey counts the uppermost of what is left out, by pattern, and names some of them', async () => {
  const root = await temporaryDirectory();
  await execute('sh', [
    '-c',
    'cd "$1" && mkdir -p keep c/a c/b c/d/e x && echo 1234 >keep/f && ln keep/f c/a/f && echo 12 >c/b/g && echo 1 >c/h && echo 1 >x/y.part',
    'sh',
    root,
  ]);
  const reach = reachBelow([`${root}/c/**`, `${root}/**/*.part`, `${root}/none`], root);
  const [survey] = parseSurvey((await run(`set -- '${root}'${surveyScript(null, reach)}`, root)).out) ?? [];
  expect(survey?.left).toEqual([
    { directories: 3, others: 1, size_bytes: 10, paths: expect.arrayContaining(['c/a', 'c/b', 'c/d', 'c/h']) },
    { directories: 0, others: 1, size_bytes: 2, paths: ['x/y.part'] },
    { directories: 0, others: 0, size_bytes: 0, paths: [] },
  ]);
  expect(survey?.size).toMatchObject({ bytes: 5, entries: 5 });
});

it('the longest patterns that a request may have fit into one argument', () => {
  const pattern = (at: number) => `/${String.fromCharCode(0x6f22 + at).repeat(limits.api.excludePatternCharsMax - 1)}`;
  const patterns = Array.from({ length: limits.api.excludePatternsMax }, (_, at) => pattern(at));
  expect(excludePatterns.safeParse(patterns).success).toBe(true);
  const reach = reachBelow(
    patterns.map((one) => `/srv${one}`),
    '/srv',
  );
  expect(reach).toHaveLength(patterns.length);
  for (const script of [surveyScript(8, reach), entriesScript(reach), packing(reach).script, uncarriedScript(reach)])
    expect(quoted(script).length).toBeLessThan(131_072);
});

it('a directory that vanishes from a running stack is reported as find reports it, and a walk that is killed is a failure', async () => {
  const root = await temporaryDirectory();
  const { script } = packing(reachBelow([`${root}/x`], root));
  const complaintsOf = async (find: string) => {
    const here = `find() { ${find}; }; ${script.replace('cd /v', 'cd "$ROOT"')}`;
    const options = { env: { ...process.env, ROOT: root } };
    return (await execute('sh', ['-c', here, 'sh', 'cat'], options)).stderr;
  };
  const gone = 'find: ./a: No such file or directory';
  expect(await complaintsOf(`echo "${gone}" >&2; return 1`)).toBe(`${gone}\n`);
  expect(changing.some((tolerated) => tolerated.test(gone))).toBe(true);
  expect(await complaintsOf('return 137')).toBe('find failed\n');
});
