import { expect, test } from 'vitest';
import { counter, gauge, metricBy, metricsText } from '../../schema/metrics-text.ts';
import { sharedCheck } from '../../schema/shared-check.ts';

test('the text of Prometheus: help and type, then a line per sample; none while there is nothing to measure', () => {
  const text = metricsText([
    counter('a_total', 'Line\nbreak and \\.', 3),
    gauge('b_seconds', 'None.', null),
    metricBy('gauge', 'c', 'By kind.', 'kind', { 'say "x"\n\\': 1, plain: 0.5 }),
  ]);
  expect(text).toBe(
    [
      '# HELP a_total Line\\nbreak and \\\\.',
      '# TYPE a_total counter',
      'a_total 3',
      '# HELP b_seconds None.',
      '# TYPE b_seconds gauge',
      '# HELP c By kind.',
      '# TYPE c gauge',
      'c{kind="say \\"x\\"\\n\\\\"} 1',
      'c{kind="plain"} 0.5',
      '',
    ].join('\n'),
  );
});

test('a shared check runs once per period, again after a failure, and again once the period is over', async () => {
  let now = 0;
  let runs = 0;
  const check = sharedCheck(
    async () => {
      runs += 1;
      if (runs === 1) throw new Error('first');
      return runs;
    },
    100,
    () => now,
  );
  const both = await Promise.allSettled([check(), check()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect([await check(), await check()]).toEqual([2, 2]);
  now = 100;
  expect(await check()).toBe(3);
});
