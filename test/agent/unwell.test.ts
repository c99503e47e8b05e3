import { expect, test } from 'vitest';
import { UnwellService, withContainerLog } from '../../agent/commands/cutover/unwell.ts';
import { failureOf } from '../../agent/commands/runner/failure.ts';
import { createLog } from '../../node/log.ts';
import { failure } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

type Engine = Parameters<typeof withContainerLog>[2]['engine'];
const states = [
  { id: 'c1', service: 'web', state: 'running', health: null },
  { id: 'c2', service: 'web', state: 'exited', health: null },
  { id: 'c3', service: 'db', state: 'running', health: 'healthy' },
];

function host(lastLines: ((id: string) => Promise<string[]>) | undefined) {
  const engine = { inspectContainers: async () => states, lastLines } as unknown as Engine;
  const log = createLog(() => {});
  log.secret('hunter2hunter2');
  return { engine, log };
}
const unwell = () => new UnwellService('unhealthy', 'Service "web" has ended (exited, exit code 1).', 'web');

test('a failure has what the failing container wrote last, redacted as the log is', async () => {
  const context = host(async (id) => [`${id}: connecting with hunter2hunter2`, 'Bearer abcdef123456', 'no such table']);
  context.log.of('mig_1').info('started');
  const error = await withContainerLog(unwell(), ['c1', 'c2', 'c3'], context);
  const outcome = failureOf(error, context.log, 'mig_1');
  expect(outcome).toMatchObject({
    ok: false,
    error: {
      code: 'unhealthy',
      container_log: {
        service: 'web',
        lines: ['c2: connecting with [redacted]', 'Bearer [redacted]', 'no such table'],
      },
      log_tail: [expect.stringContaining('started')],
    },
  });
  expect(failure.safeParse(outcome.ok ? null : outcome.error).success).toBe(true);
});

test('a key that goes over several lines is redacted whole', async () => {
  const context = host(async () => [
    'loading',
    '-----BEGIN PRIVATE KEY-----',
    'MIGHAgEA',
    '-----END PRIVATE KEY-----',
    'failed',
  ]);
  const error = (await withContainerLog(unwell(), ['c2'], context)) as UnwellService;
  expect(error.containerLog?.lines).toEqual(['loading', '[redacted PEM]', 'failed']);
});

test('what a container wrote is bounded: the last lines are kept', async () => {
  const context = host(async () => Array.from({ length: 40 }, (_, n) => `${n} ${'x'.repeat(5_000)}`));
  const error = (await withContainerLog(unwell(), ['c2'], context)) as UnwellService;
  const { lines } = error.containerLog!;
  expect(lines.at(-1)).toMatch(/^39 x/);
  expect(lines.every((line) => line.length <= 1_000)).toBe(true);
  expect(lines.join('\n').length).toBeLessThanOrEqual(limits.agent.logTailBytesMax);
});

test('a log that cannot be read does not hide the failure, and other failures are left as they are', async () => {
  const broken = host(async () => {
    throw new Error('no log driver');
  });
  const error = unwell();
  expect(await withContainerLog(error, ['c2'], broken)).toBe(error);
  expect(error.containerLog).toBeNull();
  expect(await withContainerLog(error, ['c2'], host(undefined))).toBe(error);
  const other = new StackferryError('lease_expired', 'The lease has run out.');
  expect(
    await withContainerLog(
      other,
      ['c2'],
      host(async () => ['never']),
    ),
  ).toBe(other);
  expect(failureOf(other, broken.log, null)).not.toHaveProperty('error.container_log');
});
