import { describe, expect, it } from 'vitest';
import { forwarded } from '../../../cli/serve/front-headers.ts';

const rules = { publicUrl: 'https://ferry.example.com', trustProxy: false };
const arrived = (headers: Record<string, string> = {}, target = '/api/v1/hosts') => ({
  rawHeaders: Object.entries(headers).flat(),
  target,
  peer: '::ffff:192.0.2.7',
  encrypted: false,
});
const told = (headers: string[]) =>
  Object.fromEntries(Array.from({ length: headers.length / 2 }, (_, at) => headers.slice(2 * at, 2 * at + 2)));

describe('the headers that the Worker gets', () => {
  it('is the address of the socket, whatever the client says', () => {
    const forged = { 'CF-Connecting-IP': '203.0.113.1', 'X-Forwarded-For': '203.0.113.2', 'X-Real-IP': '203.0.113.3' };
    const headers = told(forwarded(arrived(forged), rules)!.headers);
    expect(headers['cf-connecting-ip']).toBe('192.0.2.7');
    expect(JSON.stringify(headers)).not.toContain('203.0.113');
  });

  it('is what the proxy appended, where one is trusted', () => {
    const passed = { host: 'inner:8787', 'x-forwarded-for': '198.51.100.9, 203.0.113.2', 'x-forwarded-proto': 'https' };
    const headers = told(forwarded(arrived(passed), { ...rules, trustProxy: true })!.headers);
    expect(headers['cf-connecting-ip']).toBe('203.0.113.2');
    expect(headers['mf-original-url']).toBe('https://inner:8787/api/v1/hosts');
  });

  it('is the public address where it was asked for by that, with its scheme', () => {
    const headers = told(forwarded(arrived({ host: 'ferry.example.com' }), rules)!.headers);
    expect(headers['mf-original-url']).toBe('https://ferry.example.com/api/v1/hosts');
  });

  it('has none of the headers that the platform speaks to itself in', () => {
    const forged = {
      'MF-Original-URL': 'http://evil/',
      'mf-op': 'x',
      'X-MF-Additional-Response-Log': 'x',
      'cf-ray': 'x',
    };
    const { headers } = forwarded(arrived({ ...forged, accept: '*/*' }), rules)!;
    expect(Object.keys(told(headers)).sort()).toEqual(['accept', 'cf-connecting-ip', 'mf-original-url']);
  });

  it.each([
    '/cdn-cgi/handler/scheduled',
    '//cdn-cgi/handler/scheduled',
    '/./cdn-cgi/mf/scheduled',
    '/x/../cdn-cgi/platform-proxy',
    '/x/%2e%2e/cdn-cgi/platform-proxy',
    'http://ferry.example.com/cdn-cgi/platform-proxy',
    '/CDN-CGI/x',
    '/cdn-cgi',
  ])('is nothing of %s, behind which developers’ tools lie', (target) => {
    expect(forwarded(arrived({}, target), rules)).toBeNull();
  });

  it.each(['/ui/cdn-cgi', '/api/v1/hosts?next=/cdn-cgi/x', '/'])('is %s as it came', (target) => {
    expect(forwarded(arrived({}, target), rules)?.path).toBe(target);
  });
});
