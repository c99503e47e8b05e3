import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * `npm run lab`: moves a stack there and back between hosts of different kinds, one pair after another.
 * `npm run lab -- next,containerd/plain xfs/btrfs` names the pairs; the words are those of `test/docker/hosts/README.md`.
 */
const pairs = [
  'plain/plain',
  'plain/containerd',
  'containerd/containerd',
  'plain/next',
  'next/plain',
  'next,containerd/next',
  'plain/next,containerd',
  'ext4/btrfs',
  'xfs/ext4',
  'btrfs,containerd/xfs,next',
  'busybox/busybox',
  'selinux/plain',
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const asked = process.argv.slice(2);
const results: string[] = [];
for (const pair of asked.length > 0 ? asked : pairs) {
  const [a = '', b = ''] = pair.split('/').map((words) => (words === 'plain' ? '' : words));
  const began = Date.now();
  const well =
    (await ran('test/docker/hosts/up.sh', [], { STACKFERRY_HOST_A: a, STACKFERRY_HOST_B: b })) &&
    (await ran('test/docker/hosts/images.sh', [])) &&
    (await ran('node_modules/.bin/vitest', ['run', '--project', 'lab'], {
      STACKFERRY_REQUIRE_ALL: '1',
      STACKFERRY_LONG: '1',
    }));
  results.push(
    `| ${pair.replace('/', ' | ')} | ${well ? 'passed' : 'FAILED'} | ${Math.round((Date.now() - began) / 1000)} s |`,
  );
  if (!well) process.exitCode = 1;
}
process.stdout.write(`\n| host a | host b | result | took |\n|---|---|---|---|\n${results.join('\n')}\n`);

/** Resolves to whether it ended well; what it prints is printed. */
function ran(program: string, args: string[], env: Record<string, string> = {}): Promise<boolean> {
  const child = spawn(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: { STACKFERRY_PAIR: '4', ...process.env, ...env },
  });
  return new Promise((resolve) =>
    child.once('exit', (code) => resolve(code === 0)).once('error', () => resolve(false)),
  );
}
