import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCertificate, readSettings } from '../../../cli/serve/settings.ts';
import { compareVersions } from '../../../schema/compare-versions.ts';
import { withDir } from './rig.ts';
import { selfSigned } from './self-signed.ts';

const flags = { data: 'd', listen: '127.0.0.1:8787', relay: true };

describe('settings of serve', () => {
  it('keeps what npm start always did', () => {
    expect(readSettings(flags)).toMatchObject({
      publicUrl: 'http://127.0.0.1:8787',
      relay: {
        listen: { host: '127.0.0.1', port: 8788 },
        advertise: { host: '127.0.0.1', port: 8788 },
        metrics: { host: '127.0.0.1', port: 8789 },
        metricsToken: null,
      },
      tls: null,
      trustProxy: false,
    });
  });

  it('tells hosts of the relay by the public name', () => {
    const { publicUrl, relay } = readSettings({
      ...flags,
      listen: '0.0.0.0:443',
      publicUrl: 'https://ferry.example.com/',
    });
    expect(publicUrl).toBe('https://ferry.example.com');
    expect(relay).toMatchObject({
      listen: { host: '0.0.0.0', port: 444 },
      advertise: { host: 'ferry.example.com', port: 444 },
    });
  });

  it.each([
    [{ publicUrl: 'ferry.example.com' }, 'is not an http or https address'],
    [{ publicUrl: 'ftp://ferry.example.com' }, 'is not an http or https address'],
    [{ publicUrl: 'https://me:pw@ferry.example.com' }, 'is not an http or https address'],
    [{ publicUrl: 'https://ferry.example.com/path' }, 'has more than scheme, host and port'],
    [{ listen: '8787' }, 'is not HOST:PORT'],
    [{ listen: '127.0.0.1:99999' }, 'is not HOST:PORT'],
    [{ listen: '0.0.0.0:8787' }, 'Hosts cannot reach a relay at 0.0.0.0'],
    [{ listen: '[::]:8787' }, 'Hosts cannot reach a relay at [::]'],
    [{ tlsCert: 'c.pem' }, 'go together'],
    [{ tlsKey: 'k.pem' }, 'go together'],
  ])('refuses %j', (wrong, message) => {
    expect(() => readSettings({ ...flags, ...wrong })).toThrow(message);
  });

  it('refuses a key of another certificate, and one that is over', () =>
    withDir(async (dir) => {
      const [certPath, keyPath] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
      const pair = await selfSigned();
      await writeFile(certPath, pair.cert);
      await writeFile(keyPath, pair.key);
      await expect(readCertificate({ certPath, keyPath })).resolves.toEqual(pair);
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
      await writeFile(keyPath, other.export({ type: 'pkcs8', format: 'pem' }));
      await expect(readCertificate({ certPath, keyPath })).rejects.toThrow('cannot be used as certificate and key');
      const over = await selfSigned(new Date(Date.now() - 1_000));
      await writeFile(certPath, over.cert);
      await writeFile(keyPath, over.key);
      await expect(readCertificate({ certPath, keyPath })).rejects.toThrow('it ended on');
      await expect(readCertificate({ certPath, keyPath: join(dir, 'none') })).rejects.toThrow(
        'cannot be read (ENOENT)',
      );
    }));

  it('orders versions by number', () => {
    expect(['0.10.0', '0.2.0', '1.0.0', '0.2.1'].sort(compareVersions)).toEqual(['0.2.0', '0.2.1', '0.10.0', '1.0.0']);
    expect(compareVersions('0.1.0-beta.1', '0.1.0')).toBe(0);
  });
});
