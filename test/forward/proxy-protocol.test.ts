import { describe, expect, it } from 'vitest';
import { proxyHeader } from '../../agent/forward/proxy-protocol.ts';

const at = (address: string, port: number) => ({ address, port });
const hex = (text: string) => text.replaceAll(' ', '');

/** Byte by byte from the specification, section 2.2: signature, version and command, family and protocol, length, addresses. */
describe('the PROXY header, version 2', () => {
  it('names an IPv4 client and the address that it connected to', () => {
    expect(proxyHeader({ client: at('192.0.2.1', 56_324), server: at('198.51.100.2', 443) }).toString('hex')).toBe(
      hex('0d0a0d0a000d0a515549540a 21 11 000c c0000201 c6336402 dc04 01bb'),
    );
  });

  it('names an IPv6 client', () => {
    expect(proxyHeader({ client: at('2001:db8::1', 1), server: at('2001:db8::ff:2', 65_535) }).toString('hex')).toBe(
      hex('0d0a0d0a000d0a515549540a 21 21 0024') +
        hex('20010db8000000000000000000000001 20010db80000000000000000 00ff0002 0001 ffff'),
    );
  });

  it('takes IPv4 in IPv6 for IPv4', () => {
    const mapped = proxyHeader({ client: at('::ffff:192.0.2.1', 5), server: at('::ffff:10.0.0.1', 80) });
    expect(mapped).toEqual(proxyHeader({ client: at('192.0.2.1', 5), server: at('10.0.0.1', 80) }));
  });

  it.each([
    ['unknown addresses', at('', 0), at('', 0)],
    ['addresses of two families', at('192.0.2.1', 5), at('2001:db8::1', 80)],
  ])('is LOCAL for %s', (_title, client, server) => {
    expect(proxyHeader({ client, server }).toString('hex')).toBe(hex('0d0a0d0a000d0a515549540a 20 00 0000'));
  });
});
