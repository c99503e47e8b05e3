import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../worker/webhooks/address-ranges.ts';
import { judgeUrl } from '../../worker/webhooks/url-policy.ts';
import { call, tokenWith } from './support/api.ts';
import { bindingsWith } from './support/databases.ts';
import { createNode } from './support/node.ts';
import { insertStack } from './support/records.ts';

const judge = (url: string, development = false) => judgeUrl(url, { development });

describe('where events may go', () => {
  it.each([
    'https://hooks.example.com/stackferry?x=1',
    'https://hooks.example.com:8443/',
    'https://hooks.example.com./',
    'https://bücher.example/',
    'https://93.184.215.14/hook',
    'https://8.8.8.8/',
    'https://[2606:4700::6810:84e5]/',
    'https://172.32.0.1/',
    'https://100.128.0.1/',
    'https://localhost.example.com/',
    'https://10.example.com/',
  ])('%s is let through', (url) => {
    expect(judge(url)).toMatchObject({ ok: true });
  });

  it('what is let through is kept as the parser spells it', () => {
    expect(judge('HTTPS://Hooks.EXAMPLE.com/a/../b')).toEqual({ ok: true, url: 'https://hooks.example.com/b' });
  });

  it.each([
    'http://hooks.example.com/',
    'ftp://hooks.example.com/',
    'file:///etc/passwd',
    'data:text/plain,hello',
    'javascript:alert(1)',
    '//hooks.example.com/',
    'hooks.example.com',
  ])('B19: %s is not https and refused', (url) => {
    expect(judge(url).ok).toBe(false);
  });

  it('B19: http, and private addresses, are let through where the control plane was started for development', () => {
    for (const url of ['http://hooks.example.com/', 'http://127.0.0.1:9000/', 'http://localhost/', 'https://10.0.0.1/'])
      expect(judge(url, true).ok, url).toBe(true);
    for (const url of ['ftp://hooks.example.com/', 'http://user@hooks.example.com/'])
      expect(judge(url, true).ok, url).toBe(false);
  });

  const spellings: Record<string, string[]> = {
    loopback: [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '0x7f.1',
      '127.255.255.254',
      '127.0.0.1.',
    ],
    'this host': ['0.0.0.0', '0', '0.1.2.3'],
    private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.257', '3232235521'],
    'link-local, metadata': ['169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '169.254.1'],
    'carrier-grade NAT': ['100.64.0.1', '100.127.255.255'],
    'multicast, broadcast, reserved': ['224.0.0.1', '239.255.255.255', '255.255.255.255', '240.0.0.1'],
    'documentation, benchmarks': ['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '192.0.0.1', '192.88.99.1'],
    'full-width digits': ['１２７.０.０.１', '127。0。0。1'],
    'IPv6 loopback, unspecified': ['[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[0000:0000::0001]'],
    'IPv4-mapped IPv6': ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:10.0.0.1]', '[::ffff:8.8.8.8]'],
    'IPv4-compatible IPv6': ['[::127.0.0.1]', '[::7f00:1]'],
    NAT64: ['[64:ff9b::7f00:1]', '[64:ff9b::10.0.0.1]', '[64:ff9b:1::1]'],
    '6to4, whatever it leads to': [
      '[2002:5db8:d70e::1]',
      '[2002:7f00:1::1]',
      '[2002:a00:1::]',
      '[2002:c0a8:1::1]',
      '[2002:a9fe:a9fe::1]',
    ],
    Teredo: ['[2001::1]', '[2001:0:53aa:64c:0:0:f5ff:fffe]'],
    'unique local, link-local, site-local': ['[fc00::1]', '[fd12:3456::1]', '[fe80::1]', '[febf::1]', '[fec0::1]'],
    'IPv6 multicast, documentation': ['[ff02::1]', '[2001:db8::1]', '[3fff::1]', '[100::1]'],
    'local names': ['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'localhost.localdomain', 'printer.local'],
    'inner names': ['metadata', 'metadata.google.internal', 'db.corp', 'nas.lan', 'router.home.arpa', 'a.internal.'],
    'names that spell an address': ['127.0.0.1.nip.io', '10-0-0-1.sslip.io', 'localtest.me'],
  };
  it.each(Object.entries(spellings))('B20: %s is refused in every spelling', (_, hosts) => {
    for (const host of hosts)
      for (const url of [`https://${host}/`, `https://${host}:443/x`, `https:${host}`])
        expect(judge(url), url).toMatchObject({ ok: false });
  });

  it('B20: no address outside what is handed out is public, whichever bit of it is set', () => {
    for (let bit = 0; bit < 16; bit++)
      expect(isPublicAddress(`${(1 << bit).toString(16)}::1`), `bit ${bit}`).toBe(bit === 13);
  });

  it.each([
    'https://user@hooks.example.com/',
    'https://user:password@hooks.example.com/',
    'https://:password@hooks.example.com/',
    'https://@hooks.example.com/',
    'https://hooks.example.com@127.0.0.1/',
    'https://hooks.example.com%40127.0.0.1/',
  ])('B22: %s names a user, or looks like it, and is refused', (url) => {
    expect(judge(url)).toMatchObject({ ok: false });
  });

  it.each([
    ['white space', 'https://hooks.example.com/ x'],
    ['a line break', 'https://hooks.exa\nmple.com/'],
    ['a tab', 'ht\ttps://127.0.0.1/'],
    ['a backslash', 'https:\\\\127.0.0.1\\'],
    ['a fragment', 'https://hooks.example.com/#secret'],
    ['an invisible character', 'https://hooks\u200b.example.com/'],
    ['too many characters', `https://hooks.example.com/${'x'.repeat(3000)}`],
    ['no host', 'https:///'],
    ['nothing', ''],
  ])('with %s is refused, and says what to do', (_, url) => {
    const verdict = judge(url);
    expect(verdict.ok).toBe(false);
    expect(verdict.ok || verdict.why).toMatch(/^[A-Z].{10,}\.$/s);
  });
});

describe('a migration’s callback', () => {
  const migrate = async (callback_url: string, development?: string) => {
    const token = await tokenWith(['admin']);
    const [a, b] = [await createNode(token, 'host', 'a'), await createNode(token, 'host', 'b')];
    await insertStack('shop', a.id);
    const answer = await call('POST', '/api/v1/stacks/shop/migrate', {
      token,
      body: { target_host_id: b.id, callback_url },
      ...(development ? { bound: bindingsWith({ DEVELOPMENT: development }) } : {}),
    });
    const { items } = (await call('GET', '/api/v1/migrations', { token })).body;
    return { ...answer, migrations: items.length };
  };

  it.each(['http://hooks.example.com/', 'https://169.254.169.254/latest/meta-data', 'https://u:p@hooks.example.com/'])(
    'B19 B20 B22: to %s is 422 before anything is recorded',
    async (url) => {
      const { status, body, migrations } = await migrate(url);
      expect({ status, code: body.code, migrations }).toEqual({ status: 422, code: 'url_refused', migrations: 0 });
      expect(body.errors[0].path).toBe('callback_url');
      expect(JSON.stringify(body)).not.toContain('u:p');
    },
  );

  it('to a public https address is taken, in development to this machine too', async () => {
    // Nothing is connected, so the pre-flight refuses; but it was begun.
    expect((await migrate('https://hooks.example.com/x')).body.code).toBe('preflight_failed');
  });

  it('B19: in development it may go to this machine', async () => {
    expect((await migrate('http://127.0.0.1:9000/', 'true')).body.code).toBe('preflight_failed');
  });
});
