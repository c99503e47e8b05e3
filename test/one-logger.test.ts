import { describe, expect, test } from 'vitest';
import { sourcesIn } from './support/sources.ts';

/** Ways out of a process that no redactor sees. */
const wayOut = /\bconsole\b|\bprocess\.(?:stdout|stderr)\b|\bprocess\.emitWarning\b/;

describe('what a process of the fleet says', () => {
  test.each([
    ['the control plane', ['worker', 'schema'], 'worker/log.ts'],
    ['agents and relays', ['agent', 'relay', 'node'], 'node/log.ts'],
  ])('B39: of %s passes its one logger, which redacts it', (_, folders, logger) => {
    const sources = [...sourcesIn(...folders)];
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter(([, text]) => wayOut.test(text)).map(([path]) => path)).toEqual([logger]);
  });
});
