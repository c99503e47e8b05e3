import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { carriedAttributes, hostAttributes } from '../../../agent/transfer/attributes.ts';

/** As the helper's script asks it. */
const isRefused = (attribute: string) =>
  execFileSync('awk', [`/${carriedAttributes}/ || /${hostAttributes}/ { next } { print }`], {
    input: `${attribute}\n`,
    encoding: 'utf8',
  }) !== '';

it.each([
  ['trusted.SGI_ACL_FILE', false],
  ['trusted.SGI_ACL_DEFAULT', false],
  ['security.selinux', false],
  ['user.comment', false],
  ['trusted.overlay.opaque', true],
  ['trusted.SGI_ACL_FILES', true],
])(
  'P20 files with the attribute %s can’t be moved: %s (XFS shows each ACL as one of its own too)',
  (attribute, refused) => {
    expect(isRefused(attribute)).toBe(refused);
  },
);
