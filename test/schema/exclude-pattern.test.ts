import { describe, expect, it } from 'vitest';
import { excludePattern, excludePatterns, leavesOut, reachBelow } from '../../schema/exclude-pattern.ts';
import { limits } from '../../schema/limits.ts';

describe('a pattern of what is left out', () => {
  it.each([
    '/srv/media/**',
    '/srv/*/cache',
    '/**/*.part',
    '/a?b',
    '/with space/ünï',
    "/it's",
    '/--to-command=x',
    '/[a]',
  ])('takes %s', (pattern) => expect(excludePattern.safeParse(pattern).success).toBe(true));

  it.each([
    ...['', '/', 'media/**', './x', '--to-command=sh', '-T/etc/shadow', '/srv/', '/srv//x', '/srv/../etc', '/srv/./x'],
    ...['/srv/**.tmp', '/a**b', '/***', '/a\nb', '/a\0b', `/${'x'.repeat(limits.api.excludePatternCharsMax)}`],
  ])('refuses %j', (pattern) => {
    expect(excludePattern.safeParse(pattern).success).toBe(false);
  });

  it('refuses more of them than a request may have', () => {
    const many = Array.from({ length: limits.api.excludePatternsMax + 1 }, (_, at) => `/x/${at}`);
    expect(excludePatterns.safeParse(many).success).toBe(false);
    expect(excludePatterns.safeParse(many.slice(1)).success).toBe(true);
  });

  it.each([
    ['/srv/media', '/srv/media', true],
    ['/srv/media', '/srv/media/film/part', true],
    ['/srv/media', '/srv/media2', false],
    ['/srv/media', '/srv', false],
    ['/srv/media/**', '/srv/media', false],
    ['/srv/media/**', '/srv/media/a', true],
    ['/srv/media/**', '/srv/media/a/b', true],
    ['/srv/*/cache', '/srv/a/cache', true],
    ['/srv/*/cache', '/srv/a/b/cache', false],
    ['/srv/**/cache', '/srv/cache', true],
    ['/srv/**/cache', '/srv/a/b/cache/x', true],
    ['/srv/**/**/cache', '/srv/cache', true],
    ['/srv/**/cache', '/srv/a/cache2', false],
    ['/**/*.part', '/srv/x/film.part', true],
    ['/**/*.part', '/srv/x/film.part.done', false],
    ['/srv/*', '/srv/.hidden', true],
    ['/srv/a*b*c', '/srv/aXbYbZc', true],
    ['/srv/a*b*c', '/srv/aXbYbZ', false],
    ['/srv/?', '/srv/x', true],
    ['/srv/?', '/srv/ü', false],
    ['/srv/??', '/srv/ü', true],
    ['/srv/[a]', '/srv/a', false],
    ['/srv/[a]', '/srv/[a]', true],
    ['/srv/a.b', '/srv/axb', false],
  ])('%s and %s: %s', (pattern, path, left) => {
    expect(leavesOut(pattern, path)).toBe(left);
  });

  it('reaches below a directory only where it can match there', () => {
    const reached = (patterns: string[], directory: string) =>
      reachBelow(patterns, directory).map(({ pattern }) => pattern);
    expect(reached(['/srv/media/cache', '/srv/shop/tmp', '/**/x', '/srv/medi?/**'], '/srv/media')).toEqual([
      ...['/srv/media/cache', '/**/x', '/srv/medi?/**'],
    ]);
  });

  it('takes no time for patterns made to go back and forth', () => {
    const began = performance.now();
    const name = 'a'.repeat(255);
    expect(leavesOut(`/${'*a'.repeat(250)}*b`, `/${name}`)).toBe(false);
    expect(leavesOut(`/${'**/a/'.repeat(80)}b`, `/${'a/'.repeat(500)}a`)).toBe(false);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
