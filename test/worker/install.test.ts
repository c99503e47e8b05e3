import { SELF } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';

describe('GET /install.sh', () => {
  it('has its own address and the digests of what it fetches written in', async () => {
    const response = await SELF.fetch('https://ferry.example.com/install.sh');
    expect(response.headers.get('content-type')).toBe('text/x-shellscript; charset=utf-8');
    const text = await response.text();
    expect(text).toContain("control='https://ferry.example.com'\n");
    expect(text).toMatch(/^digests='[0-9a-f]{64} {2}agent\.js\n/m);
    expect(text).not.toContain('@CONTROL@');
  });
});
