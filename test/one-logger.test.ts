import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Ways out of a process that no redactor sees. */
const wayOut = /\bconsole\b|\bprocess\.(?:stdout|stderr)\b|\bprocess\.emitWarning\b/;
const root = join(import.meta.dirname, '..');

describe('what a process of the fleet says', () => {
  test.each([
    ['the control plane', ['worker', 'schema'], 'worker/log.ts'],
    ['agents and relays', ['agent', 'relay'], 'agent/log.ts'],
  ])('B39: of %s passes its one logger, which redacts it', (_, folders, logger) => {
    const sources = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.tsx?$/.test(name))
        .map((name) => join(folder, name)),
    );
    const beside = (path: string) => wayOut.test(readFileSync(join(root, path), 'utf8'));
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter(beside)).toEqual([logger]);
  });
});
