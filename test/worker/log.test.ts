import { afterEach, describe, expect, it, vi } from 'vitest';
import { redactShapes } from '../../schema/redact.ts';
import { log } from '../../worker/log.ts';
import { newToken } from '../../worker/store/token-format.ts';

const pem =
  '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----';
const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJob3N0In0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg';
const secrets: [string, string, string][] = [
  ['an API token', newToken('sfy'), 'sfy_[redacted]'],
  ['a join token', newToken('sfj'), 'sfj_[redacted]'],
  ['a webhook secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_[redacted]'],
  ['a private key', pem, '[redacted PEM]'],
  ['half a private key', pem.slice(0, 60), '[redacted PEM]'],
  ['a signed token', jwt, '[redacted JWT]'],
  ['an authorization header', 'Authorization: Bearer abcdef0123456789', 'Authorization: Bearer [redacted]'],
  ['a URL with a password', 'https://user:pa55word@example.com/x', 'https://[redacted]@example.com/x'],
];

describe('the log of the control plane', () => {
  afterEach(() => vi.restoreAllMocks());

  const lines = (say: () => void): string[] => {
    const out: string[] = [];
    vi.spyOn(console, 'error').mockImplementation((line) => void out.push(line));
    vi.spyOn(console, 'warn').mockImplementation((line) => void out.push(line));
    say();
    return out;
  };

  it.each(secrets)(
    'B39: never shows %s: in a message, a field, a field’s name, a list, an error or its cause',
    (_, secret, instead) => {
      const out = lines(() => {
        log.error(`it said ${secret}`);
        log.warn('field', { text: `before ${secret} after`, deep: { list: [{ secret }] }, [secret]: 1 });
        log.error('error', { error: new Error(`outer ${secret}`, { cause: new Error(`inner ${secret}`) }) });
      });
      expect(out).toHaveLength(3);
      const readable = secret.split(/[\n :/@]/).filter((part) => part.length > 12 && !instead.includes(part));
      for (const line of out) {
        expect(line).not.toContain(JSON.stringify(secret).slice(1, -1));
        for (const part of readable) expect(line).not.toContain(part);
        expect(line).toContain(instead);
      }
    },
  );

  it('keeps what is no secret: ids, digests, addresses, routes', () => {
    const plain =
      'host_01m84szym4tvg03p2mz6y2f9wb sha256:9f86d081884c7d65 POST /api/v1/hosts https://example.com/a?b=c eyes';
    expect(redactShapes(plain)).toBe(plain);
  });

  it('is one JSON object a line, with level and message first', () => {
    const [line] = lines(() => log.warn('a\nb', { at: 1n, nothing: null }));
    expect(line).toBe('{"level":"warn","msg":"a\\nb","at":"1","nothing":null}');
  });

  it('ends where something holds itself', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(lines(() => log.warn('loop', loop))[0]).toContain('…');
  });
});
