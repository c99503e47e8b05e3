import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distrustStatement } from '../../../worker/saga/migration/distrust.ts';
import { hashToken } from '../../../worker/store/token-format.ts';
import { withDir } from '../serve/rig.ts';
import { start } from '../stackferry.ts';

const fake = join(import.meta.dirname, 'fake-wrangler.mjs');
const real = join(import.meta.dirname, '../../../node_modules/.bin');

interface Call {
  args: string[];
  config?: string;
  secrets?: Record<string, string>;
}

/** One account, of which the fake wrangler on PATH knows. */
async function inAccount(account: object, use: (account: Account) => Promise<void>): Promise<void> {
  await withDir(async (dir) => {
    await symlink(fake, join(dir, 'wrangler'));
    await writeFile(join(dir, 'account.json'), JSON.stringify(account));
    await use({
      deploy: (...args) =>
        start(['deploy', ...args], { env: { PATH: `${dir}:${process.env.PATH}`, HOME: dir, FAKE_ACCOUNT: dir } }).ended,
      change: async (change) => {
        const now = JSON.parse(await readFile(join(dir, 'account.json'), 'utf8'));
        await writeFile(join(dir, 'account.json'), JSON.stringify({ ...now, ...change }));
      },
      calls: async () =>
        (await readFile(join(dir, 'calls.ndjson'), 'utf8'))
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Call),
    });
  });
}
interface Account {
  deploy(...args: string[]): Promise<{ code: number | null; out: string; err: string }>;
  change(change: object): Promise<void>;
  calls(): Promise<Call[]>;
}

const steps = (calls: Call[]) =>
  calls.map(({ args }) => args.slice(0, args[0] === 'd1' || args[0] === 'queues' ? 2 : 1).join(' '));

describe('stackferry deploy', () => {
  it('C8: makes what an empty account lacks, and the first admin token; again, it makes nothing twice', () =>
    inAccount({}, async ({ deploy, change, calls }) => {
      const first = await deploy();
      expect(first).toMatchObject({ code: 0, out: expect.stringContaining('at https://stackferry.mine.workers.dev') });
      const made = await calls();
      expect(steps(made)).toEqual([
        ...['whoami', 'd1 list', 'd1 create', 'd1 list', 'queues info', 'queues create', 'd1 execute'],
        ...['d1 migrations', 'd1 execute', 'deploy'],
      ]);
      const token = /sfy_\w+/.exec(first.out)![0];
      expect(made.at(-1)!.secrets).toEqual({ BOOTSTRAP_TOKEN_HASH: await hashToken(token) });
      expect(JSON.stringify(made)).not.toContain(token);
      const line =
        /curl -fsSL https:\/\/stackferry\.mine\.workers\.dev\/install\.sh \| .* --name host-1 --join (sfj_\w+)$/m;
      const [, joinToken] = line.exec(first.out)!;
      expect(made.at(-2)!.args.at(-1)).toContain(`'host-1', '${await hashToken(joinToken!)}'`);
      expect(made.at(-1)!.config).toContain('database_id = "11111111-2222-4333-8444-555555555555"');

      await change({ fleet: true, token: true });
      const second = await deploy('--restored');
      expect(second).toMatchObject({ code: 0, out: expect.not.stringMatching('sfy_|sfj_') });
      const again = (await calls()).slice(made.length);
      expect(steps(again).filter((step) => step.endsWith('create'))).toEqual([]);
      expect(again.at(-1)!.args).not.toContain('--secrets-file');
      // Brought back to an earlier time meanwhile: marked before it is deployed.
      expect(again.at(-2)!.args.slice(-2)).toEqual(['--command', distrustStatement]);
      expect(made.flatMap(({ args }) => args)).not.toContain(distrustStatement);
    }));

  it('C8: deploys no Worker where the database knows a fleet whose namespace is gone', () =>
    inAccount({ database: 'd', queue: true, migrated: true, fleet: true, token: true }, async ({ deploy, calls }) => {
      const { code, err } = await deploy();
      expect(code).toBe(4);
      expect(err).toContain('(authority_lost)');
      expect(steps(await calls())).not.toContain('deploy');
      expect(steps(await calls())).not.toContain('d1 migrations');
      // To import its keys then.
      expect(err).toContain('stackferry authority import FILE');
      expect((await deploy('--without-authority')).code).toBe(0);
    }));

  it('says who is not logged in, which account, and what failed, and goes on where it ended', () =>
    inAccount({ loggedOut: true }, async ({ deploy, change }) => {
      expect(await deploy()).toMatchObject({ code: 6, err: expect.stringContaining('npx wrangler login') });
      await change({
        loggedOut: false,
        accounts: [
          { id: 'a1', name: 'Mine' },
          { id: 'a2', name: 'Ours' },
        ],
      });
      expect(await deploy()).toMatchObject({ code: 2, err: expect.stringContaining('Ours: a2') });
      await change({ accounts: [{ id: 'a1', name: 'Mine' }], failing: 'd1 migrations' });
      expect(await deploy()).toMatchObject({ code: 1, err: expect.stringContaining('migrations failed') });
      await change({ failing: null });
      expect(await deploy()).toMatchObject({ code: 0 });
    }));

  it('names the first host as told, and refuses what is no name before anything is asked', () =>
    inAccount({}, async ({ deploy, calls }) => {
      expect(await deploy('--host', "x'; --")).toMatchObject({
        code: 2,
        err: expect.stringContaining('is not a valid host name'),
      });
      await expect(calls()).rejects.toThrow('ENOENT');
      expect((await deploy('--host', 'old-server')).out).toContain('--name old-server --join sfj_');
    }));

  it('passes the dry run of the real wrangler, with no id of an account in its settings', () =>
    withDir(async (dir) => {
      const env = { PATH: `${real}:${process.env.PATH}`, HOME: dir };
      const { code, out, err } = await start(['deploy', '--dry-run'], { env }).ended;
      expect(`${code} ${err}`).toBe('0 ');
      expect(out).toContain('It would be deployed');
      expect(await readFile('wrangler.toml', 'utf8')).not.toContain('database_id');
    }));
});
