import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { attributesScript } from '../../agent/engine/docker/data/tar-arguments.ts';
import { attributesCommand, decodeName } from '../../agent/transfer/attributes-script.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

const sh = (script: string) => execFileSync('sh', ['-c', script], { encoding: 'latin1' });

it('the attributes of a tree, values byte by byte, names with line ends, ACLs and capabilities', async () => {
  const dir = await temporaryDirectory();
  sh(`cd ${dir}; mkdir -p 'a b/deep'; touch plain 'a b/deep/file' "$(printf 'line\\nend')" prog; ln -s plain link
    setfattr -n user.kind -v 0x00ff0a3d 'a b/deep/file'; setfattr -n user.empty 'a b/deep/file'
    setfattr -n "user.$(printf 'x\\ny=z')" -v 1 "$(printf 'line\\nend')"
    setfattr -n trusted.own -v 1 plain; setfacl -m u:1234:rwx 'a b'; setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 prog`);
  const printed = sh(attributesScript([]).replace('/v', dir));
  expect(printed.endsWith('# end\n\n')).toBe(true);
  const blocks = printed.split('\n\n').filter((block) => block.startsWith('# file: '));
  expect(blocks.sort()).toEqual([
    expect.stringMatching(/^# file: a b\nsystem\.posix_acl_access=0x0200000001000700[0-9a-f]+$/),
    '# file: a b/deep/file\nuser.empty=0x\nuser.kind=0x00ff0a3d',
    '# file: line\\012end\nuser.x\\012y\\075z=0x31',
    expect.stringMatching(/^# file: prog\nsecurity\.capability=0x01000002/),
  ]);
  expect(decodeName('line\\012end\\134')).toBe('line\nend\\');

  const all = sh(`cd ${dir} && find . -print0 | ${attributesCommand('names', '.')}`);
  expect(all).toContain('# file: plain\ntrusted.own\n\n');
  const files = sh(`cd ${dir} && printf './plain\\0./a b/deep/file\\0' | ${attributesCommand('files')}`);
  expect(files).toBe('a b/deep/file\n');
});

it('says which file it could not ask, as the rules about complaints know it', async () => {
  const dir = await temporaryDirectory();
  expect(sh(`cd ${dir} && printf './gone\\0' | LC_ALL=C ${attributesCommand('values')} 2>&1`)).toBe(
    'attributes: gone: No such file or directory\n',
  );
});
