import { expect, test } from 'vitest';
import { createLog } from '../../node/log.ts';
import { limits } from '../../schema/limits.ts';

test('B39: a secret is in no line, whether in the message, a field, an error, or kept for a failure', () => {
  const lines: string[] = [];
  const log = createLog((line) => void lines.push(line));
  log.secret('canary-123');
  log.secret('line"one\nand-a-second-line-of-more-than-32-characters');
  const migration = log.of('m1');
  migration.info('token canary-123 used', { token: 'canary-123' });
  migration.error('failed', { error: new Error('bad canary-123') });
  migration.warn('key', { key: 'line"one\nand-a-second-line-of-more-than-32-characters' });
  migration.warn('quoted: and-a-second-line-of-more-than-32-characters');
  const all = [...lines, ...log.tail('m1'), log.redact('canary-123')].join('\n');
  expect(all).not.toContain('canary-123');
  expect(all).not.toContain('and-a-second');
  expect(lines).toHaveLength(4);
});

test('a tail holds one migration, and is bounded in lines and bytes', () => {
  const log = createLog(() => {});
  log.of('m2').info('of another');
  for (let index = 0; index < 200; index += 1) log.of('m1').info(`line ${index} ${'x'.repeat(index * 20)}`);
  const tail = log.tail('m1');
  expect(tail.length).toBeLessThanOrEqual(limits.agent.logTailLinesMax);
  expect(Buffer.byteLength(tail.join(''))).toBeLessThanOrEqual(limits.agent.logTailBytesMax);
  expect(tail.at(-1)).toContain('line 199');
  expect(tail.join()).not.toContain('of another');
  expect(Math.max(...tail.map((line) => line.length))).toBeLessThanOrEqual(1000);
});

test('the cause of an error is shown to the operator of this host alone', () => {
  const lines: string[] = [];
  const log = createLog((line) => void lines.push(line));
  log.of('m1').error('failed', { error: new Error('no', { cause: new Error('ECONNREFUSED') }) });
  expect(lines[0]).toContain('because: ECONNREFUSED');
  expect(log.tail('m1').join()).not.toContain('ECONNREFUSED');
});

test('only so many migrations are remembered', () => {
  const log = createLog(() => {});
  for (let index = 0; index <= limits.agent.logMigrationsMax; index += 1) log.of(`m${index}`).info('hello');
  expect(log.tail('m0')).toEqual([]);
  expect(log.tail('m1')).toHaveLength(1);
});

test('a line names its migration and the request that caused it, and the id of a request cannot forge a line', () => {
  const lines: string[] = [];
  const log = createLog(
    (line) => void lines.push(line),
    () => 0,
  );
  log.of('mig_1', 'req-12345678').info('deploy begins');
  log.of('mig_1').info('deploy begins');
  expect(lines).toEqual([
    '1970-01-01T00:00:00.000Z mig_1 trace=req-12345678 info deploy begins',
    '1970-01-01T00:00:00.000Z mig_1 info deploy begins',
  ]);
  log.of('mig_1', 'sfy_x\nforged').info('x');
  expect(lines[2]?.split('\n')).toHaveLength(1);
});
