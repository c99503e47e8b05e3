import { expect, it } from 'vitest';
import { shortened } from '../../schema/shortened.ts';

it('R35: a long message loses its middle, never the reason at its end', () => {
  const message = `pull of ${'a/very/long/name/'.repeat(100)}:1 failed: no space left on device`;
  const short = shortened(message, 200);
  expect(short).toHaveLength(200);
  expect(short).toMatch(/^pull of a\/very.* … .*failed: no space left on device$/);
  expect(shortened('as it is', 200)).toBe('as it is');
  expect(shortened('abcdef', 2)).toHaveLength(2);
});
