import { expect, test } from 'vitest';
import { counter, gauge, metricBy, metricsText } from '../../schema/metrics-text.ts';

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
