/** argv of the helpers' GNU tar. Pure, so that tests assert it to the letter. */

/** All attributes, sparse files as such, one file system; blocks of 256 KiB, since small writes through a FIFO cost most. */
export const packArguments = [
  'tar',
  '-C',
  '/v',
  '-b',
  '512',
  '--format=posix',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--acls',
  '--sparse',
  '--one-file-system',
  '-c',
  '.',
];

export const unpackArguments = [
  'tar',
  '-C',
  '/v',
  '-b',
  '512',
  '-x',
  '-p',
  '--same-owner',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--acls',
  '-f',
  '-',
];

/** What each side's tar may do beyond an ordinary user, each one found to be needed. */
export const packCapabilities = ['DAC_READ_SEARCH'];
export const unpackCapabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETFCAP', 'MKNOD'];

/**
 * Every entry in one pass: `E` records of ten fields from find, `D` records with the numbers of devices, then after `X`
 * the attributes as getfattr prints them. Fields end with NUL, because names hold anything else. Sockets are left out:
 * tar never carries them.
 */
export const manifestScript = [
  'cd /v',
  "find . -xdev ! -type s -printf 'E\\0%P\\0%y\\0%m\\0%U:%G\\0%s\\0%T@\\0%n\\0%l\\0%D:%i\\0'",
  "find . -xdev \\( -type b -o -type c \\) -exec stat --printf 'D\\0%n\\0%t:%T\\0' '{}' +",
  "printf 'X\\0'",
  'getfattr -R -P -h -d -m - -e hex .',
].join(' && ');

/** Bytes of a tar of the volume, near enough for a progress bar: contents as allocated, and three blocks an entry. */
export const measureScript = [
  'cd /v',
  'find . -xdev ! -type s -printf \'%y %s %b %n\\n\' | awk \'{ n++; size = $1 == "f" ? ($2 < $3 * 512 ? $2 : $3 * 512) : 0; sum += int((size + 511) / 512) * 512 / ($1 == "f" ? $4 : 1) } END { printf "%.0f\\n", sum + n * 1536 }\'',
].join(' && ');

/** Lines of tar's stderr that mean no loss. Anything else does, whatever tar's exit code says. */
const harmless = [
  /^tar: .*: socket ignored$/,
  /^tar: .*: implausibly old time stamp /,
  /^tar: .*: time stamp .* in the future$/,
  /^getfattr: Removing leading /,
];

export function worrying(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line !== '' && !harmless.some((pattern) => pattern.test(line)));
}
