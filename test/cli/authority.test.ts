import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { rootCertificates } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { forgetAuthority } from '../support/forget-authority.ts';
import { startServing, withDir } from './serve/rig.ts';
import { start } from './stackferry.ts';

const passphrase = 'six random words are enough';
const ferry = (args: string[], input: string, env: NodeJS.ProcessEnv = {}) =>
  start([...args, '--passphrase-stdin'], { env: { PATH: process.env.PATH, HOME: tmpdir(), ...env }, input }).ended;

describe('stackferry authority, of a data directory', { timeout: 300_000 }, () => {
  it('C8: exports the keys sealed, and brings them back where they were lost', () =>
    withDir(async (dir) => {
      const [data, file] = [join(dir, 'data'), join(dir, 'authority.json')];
      const local = ['--data', data];
      const serving = await startServing(data, []);
      expect(await ferry(['authority', 'export', file, ...local], passphrase)).toMatchObject({ code: 4 });
      expect(await serving.stop()).toBe(0);
      expect(await ferry(['authority', 'export', file, ...local], 'short')).toMatchObject({ code: 2 });
      expect(await readdir(dir)).toEqual(['data']);
      expect(await ferry(['authority', 'export', file, ...local], passphrase)).toMatchObject({ code: 0 });
      const written = await readFile(file, 'utf8');
      expect(JSON.parse(written)).toMatchObject({
        format: 'stackferry-authority-1',
        kdf: { name: 'scrypt', n: 131_072 },
      });
      expect(written).not.toContain('PRIVATE');
      const twice = await ferry(['authority', 'export', file, ...local], passphrase);
      expect(twice).toMatchObject({ code: 2, err: expect.stringContaining('EEXIST') });

      const wrong = await ferry(['authority', 'import', file, ...local], 'another passphrase');
      expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('(wrong_passphrase)') });
      await forgetAuthority(data);
      const lost = await startServing(data, []);
      expect(lost.run.err()).toContain('If the keys of the fleet were lost');
      expect(await lost.stop()).toBe(0);
      expect(await ferry(['authority', 'import', file, ...local], passphrase)).toMatchObject({
        code: 0,
        out: expect.stringContaining('is restored'),
      });
      // Its relay is known.
      expect(await (await startServing(data, [])).stop()).toBe(0);
    }));
});

interface Asked {
  path: string;
  body: string;
  secret: string | undefined;
}

/** A control plane on Cloudflare as far as these commands see it: it answers while the fake wrangler has set the secret. */
async function onCloudflare(answer: (asked: Asked) => [number, object], use: (rig: CloudRig) => Promise<void>) {
  await withDir(async (dir) => {
    await symlink(join(import.meta.dirname, 'deploy/fake-wrangler.mjs'), join(dir, 'wrangler'));
    await writeFile(join(dir, 'account.json'), JSON.stringify({ worker: true }));
    const calls = async () => {
      const lines = await readFile(join(dir, 'calls.ndjson'), 'utf8').catch(() => '');
      return lines.split('\n').flatMap((line) => (line ? [JSON.parse(line) as { args: string[]; input: string }] : []));
    };
    const server = createServer(async (request, response) => {
      const last = (await calls()).at(-1);
      const secret = last?.args[1] === 'put' ? last.input : undefined;
      const [status, body] = answer({ path: request.url!, body: await text(request), secret });
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const env = {
      PATH: `${dir}:${process.env.PATH}`,
      FAKE_ACCOUNT: dir,
      STACKFERRY_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      STACKFERRY_TOKEN: 'sfy_x',
    };
    await use({ dir, calls, ferry: (...args) => ferry(['authority', ...args], passphrase, env) }).finally(() =>
      server.close(),
    );
  });
}
interface CloudRig {
  dir: string;
  calls(): Promise<{ args: string[]; input: string }[]>;
  ferry(...args: string[]): ReturnType<typeof ferry>;
}

describe('stackferry authority, on Cloudflare', () => {
  const closed: [number, object] = [409, { code: 'authority_closed', detail: 'not yet' }];

  it('C8: opens the way with a secret that only the passphrase gives, asks, and closes it again', () => {
    let asked = 0;
    const answer = ({ path, secret }: Asked): [number, object] => {
      expect(path).toBe('/api/v1/authority/export');
      asked += 1;
      // The secret has not come everywhere yet.
      return asked === 1 || !secret ? closed : [200, { sealed: sealedWith(secret) }];
    };
    return onCloudflare(answer, async ({ dir, ferry, calls }) => {
      const file = join(dir, 'authority.json');
      expect(await ferry('export', file)).toMatchObject({ code: 0 });
      const content = JSON.parse(await readFile(file, 'utf8'));
      expect(content).toMatchObject({ fleet_id: 'a-fleet', ca_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
      const made = await calls();
      expect(made.map(({ args }) => args.join(' '))).toEqual([
        'secret put AUTHORITY_WRAP_KEY --name stackferry',
        'secret delete AUTHORITY_WRAP_KEY --name stackferry',
      ]);
      expect(made[0]!.input).toMatch(/^[\w+/]{43}=$/);
      expect(JSON.stringify(content)).not.toContain(made[0]!.input);
    });
  });

  it('C8: closes it also where nothing came of it, and leaves no file', () =>
    onCloudflare(
      () => [503, { code: 'authority_missing', detail: 'The certificate authority of this fleet is missing.' }],
      async ({ dir, ferry, calls }) => {
        const failed = await ferry('export', join(dir, 'authority.json'));
        expect(failed).toMatchObject({ code: 9, err: expect.stringContaining('authority_missing') });
        expect((await calls()).at(-1)!.args[1]).toBe('delete');
        expect(await readdir(dir)).not.toContain('authority.json');
      },
    ));

  it('C8: gives the keys back as they were sealed', () => {
    const given: string[] = [];
    const answer = ({ path, body, secret }: Asked): [number, object] => {
      if (path.endsWith('export')) return [200, { sealed: sealedWith(secret!) }];
      given.push(JSON.parse(body).sealed);
      return [200, { fleet_id: 'a-fleet' }];
    };
    return onCloudflare(answer, async ({ dir, ferry, calls }) => {
      const file = join(dir, 'authority.json');
      await ferry('export', file);
      expect(await ferry('import', file)).toMatchObject({ code: 0, out: expect.stringContaining('is restored') });
      expect(given).toEqual([JSON.parse(await readFile(file, 'utf8')).sealed]);
      const secrets = (await calls()).flatMap(({ args, input }) => (args[1] === 'put' ? [input] : []));
      // One passphrase and salt, one key.
      expect(new Set(secrets).size).toBe(1);
    });
  });
});

/** As `worker/objects/fleet-authority/stored-fleet.ts` does it. */
function sealedWith(secret: string): string {
  const key = hkdfSync('sha256', secret, 'certificate authority', 'stackferry authority export', 32);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key), nonce);
  const inside = Buffer.from(JSON.stringify({ fleet_id: 'a-fleet', ca_pem: rootCertificates[0] }));
  return Buffer.concat([nonce, cipher.update(inside), cipher.final(), cipher.getAuthTag()]).toString('base64');
}
