import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readRecords } from '../../agent/precopy/listing.ts';
import { pathList, recordBytes, recordFile } from '../../agent/precopy/record-file.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

it('records come back as they were added, wherever a piece of the file ends', async () => {
  const file = join(await temporaryDirectory(), 'records');
  const lengths = [0, 1, recordBytes - 3, 2, recordBytes, 3 * recordBytes, 7, ...Array(20_000).fill(9)];
  const records = lengths.map((length, at) => `${at}\xff`.repeat(length).slice(0, length));
  const { add, end } = recordFile(file);
  for (const record of records) await add(record);
  expect(await end()).toBe(records.length);
  const read: string[] = [];
  for await (const batch of readRecords(file)) read.push(...batch);
  expect(read).toEqual(records);
});

it('a list without a path is an empty file', async () => {
  const file = join(await temporaryDirectory(), 'paths');
  expect(await pathList(file).end()).toBe(0);
  expect(await readFile(file, 'utf8')).toBe('');
});

it('two listings of 200,000 entries are compared in the memory that it takes for a few', async () => {
  const directory = await temporaryDirectory();
  const script = `
    const { eachPair } = await import(${JSON.stringify(import.meta.resolve('../../agent/precopy/listing.ts'))});
    const { recordFile } = await import(${JSON.stringify(import.meta.resolve('../../agent/precopy/record-file.ts'))});
    const listing = async (name, count) => {
      const { add, end } = recordFile(${JSON.stringify(directory)} + '/' + name);
      for (let at = 0; at < count; at++)
        await add('directory/' + String(at).padStart(9, '0') + '//f 644 0:0 5 1.5 1.5 1 1:' + at + ' 8 ');
      await end();
      return ${JSON.stringify(directory)} + '/' + name;
    };
    const peak = async (count) => {
      const [before, now, changed] = [await listing('a', count), await listing('b', count), recordFile(${JSON.stringify(directory)} + '/c')];
      await eachPair(before, now, (_, record) => changed.add(record));
      return process.resourceUsage().maxRSS / 1024;
    };
    const few = await peak(1_000);
    console.log(Math.round((await peak(200_000)) - few));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  // Of V8's young generation, for the most part; by a mebibyte at a time they are 108 MB.
  expect(Number(stdout)).toBeLessThan(70);
}, 60_000);
