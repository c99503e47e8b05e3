import { describe, expect, it, onTestFinished } from 'vitest';
import { createSectionReader, encodeFile, encodeSection } from '../../agent/precopy/delta-stream.ts';
import { createPatchedFiles } from '../../agent/precopy/patched-files.ts';
import { limits } from '../../schema/limits.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

/** Changes of a pre-copy as a source may send them that only wants to take time or memory of the target. */

const record = { size: 0, mode: 0o600, uid: process.getuid!(), gid: process.getgid!(), mtime: '1.000000000' };

describe('changes of a volume without an end', () => {
  it('B29 a long list that comes byte by byte is not copied for each byte', () => {
    const read = createSectionReader();
    const list = encodeSection('remove', Buffer.alloc(limits.warm.readBytes, 'a'));
    const slow = 50_000;
    const sections = [...read(list.subarray(0, -slow))];
    const startedAt = process.cpuUsage();
    for (const byte of list.subarray(-slow)) sections.push(...read(Buffer.of(byte)));
    const { user, system } = process.cpuUsage(startedAt);
    expect(sections).toMatchObject([{ kind: 'remove', data: { length: limits.warm.readBytes } }]);
    expect((user + system) / 1_000).toBeLessThan(2_000);
  });

  it('B34 files without end: what is kept of each until its times are set has a bound', async () => {
    const untimedBytesMax = 20_000;
    const before = { ...limits.warm };
    onTestFinished(() => void Object.assign(limits.warm, before));
    Object.assign(limits.warm, { untimedBytesMax });
    const set: number[] = [];
    const files = createPatchedFiles(await temporaryDirectory(), async (written) => void set.push(written.length));
    const path = 'd'.repeat(200);
    for (let sent = 0; sent < 1_000; sent++) await files.begin({ ...record, path });
    expect(set.length).toBeGreaterThan(1);
    expect(Math.max(...set) * path.length).toBeLessThan(2 * untimedBytesMax);
    await files.end();
    expect(set.reduce((sum, count) => sum + count, 0)).toBe(1_000);
  });

  it('B34 a path of directories without end is refused before one is made', () => {
    const path = 'd/'.repeat(limits.warm.pathBytesMax);
    const read = createSectionReader();
    expect(() => [...read(encodeFile({ ...record, path: `${path}x` }))]).toThrow('a file that cannot be read');
  });
});
