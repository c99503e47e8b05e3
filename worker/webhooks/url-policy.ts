import { limits } from '../../schema/limits.ts';
import { isPublicAddress } from './address-ranges.ts';

export type UrlVerdict = { ok: true; url: string } | { ok: false; why: string };

/**
 * Checks where the control plane may send events: https, a public host, no credentials. Pure: it checks only the URL,
 * not the address a name resolves to (docs/security.md describes the remaining risk). `url` is the parser's spelling,
 * so the checked URL is the called one.
 */
export function judgeUrl(text: string, { development }: { development: boolean }): UrlVerdict {
  if (text.length > limits.api.urlCharsMax)
    return no(`It is longer than ${limits.api.urlCharsMax} characters; shorten it.`);
  // The parser would silently drop or convert these, so the URL would differ from the text.
  if (/[\s\p{Cc}\p{Cf}\\]/u.test(text))
    return no('It has white space, control characters or backslashes; remove them.');
  const url = URL.parse(text);
  if (!url) return no('It is not a URL; give one like "https://example.com/hook".');
  if (url.username !== '' || url.password !== '' || /^[^/]*\/\/[^/?#]*@/.test(text))
    return no('It carries a user name or password; put a secret into the path, or check the signature instead.');
  if (url.protocol !== 'https:' && !(development && url.protocol === 'http:'))
    return no(development ? 'Use https or http.' : 'Use https.');
  if (url.hash !== '') return no('It has a fragment, which is never sent; remove what follows "#".');
  const why = development ? null : refusedHost(url.hostname);
  return why === null ? { ok: true, url: url.href } : no(why);
}

function refusedHost(hostname: string): string | null {
  const notPublic = 'That address is not public: events go over the internet. Give a public host name.';
  if (hostname.startsWith('[')) return isPublicAddress(hostname.slice(1, -1)) ? null : notPublic;
  // The parser has already converted decimal, octal, hexadecimal and short spellings.
  if (/^\d+(\.\d+){3}$/.test(hostname)) return isPublicAddress(hostname) ? null : notPublic;
  const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  const labels = name.split('.');
  if (labels.length < 2 || labels.includes(''))
    return 'That host name has no domain; give a full one, like "hooks.example.com".';
  if (privateNames.some((suffix) => name === suffix || name.endsWith(`.${suffix}`)))
    return 'That host name is of a private network; give a public one.';
  return null;
}

/**
 * Names outside the public name space, or services that resolve to private addresses (RFC 6761, 6762, 8375, ICANN's
 * `internal`).
 */
const privateNames = [
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'lan',
  'home.arpa',
  'in-addr.arpa',
  'ip6.arpa',
  'test',
  'invalid',
  'onion',
  'nip.io',
  'sslip.io',
  'xip.io',
  'localtest.me',
  'lvh.me',
];

const no = (why: string): UrlVerdict => ({ ok: false, why });
