import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { agentPaths } from '../../schema/enrolment.ts';
import { startEnrolment } from './control-plane-ca.ts';
import { eventually, temporaryDirectory } from './temporary.ts';

const entry = join(import.meta.dirname, '../../agent/main.ts');

function agent(args: string[]) {
  const child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 15_000 });
  const told = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (told.text += part));
  const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, told, code };
}

const embedded = async (url: string) => [
  ...['--control', url, '--state', await temporaryDirectory()],
  ...['--engine', 'embedded', '--embedded-root', await temporaryDirectory()],
];

describe('the agent as a command', () => {
  test('B25: with a used join token and no identity it says what to do and exits 1, the token not shown', async () => {
    const { url } = await startEnrolment({
      answer: () => ({ status: 409, body: { code: 'join_token_used', detail: 'used' } }),
    });
    const { told, code } = agent([...(await embedded(url)), '--join', 'sfj_secret-token']);
    expect(await code).toBe(1);
    expect(told.text).toContain('create the host again');
    expect(told.text).not.toContain('sfj_secret-token');
  });

  test('wrong flags exit 2 with the usage', async () => {
    const { told, code } = agent(['--control', 'http://c', '--engine', 'podman']);
    expect(await code).toBe(2);
    expect(told.text).toContain('--engine is docker or embedded');
    expect(told.text).toContain('--embedded-root');
  });

  test('SIGTERM ends it with 0, also while the control plane is away', async () => {
    const { url, issued } = await startEnrolment();
    const { child, told, code } = agent([...(await embedded(url)), '--join', 'join-1']);
    await eventually(() => issued.some(({ path }) => path === agentPaths.enroll), 'the enrolment');
    await eventually(() => told.text.includes('no connection to the control plane'), 'its first dial');
    child.kill('SIGTERM');
    expect(await code).toBe(0);
    expect(told.text).toContain('for trying Stackferry out');
  });
});
