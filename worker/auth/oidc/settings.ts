import { limits } from '../../../schema/limits.ts';
import type { Scope } from '../../../schema/scopes.ts';

/** The names of the settings, for `npm start` too; the first three are always needed. */
export const oidcNames = [
  ...(['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET', 'OIDC_SCOPES', 'OIDC_GROUPS_CLAIM'] as const),
  ...(['OIDC_ADMINS', 'OIDC_MIGRATORS', 'OIDC_READERS'] as const),
];
export type OidcEnv = { [name in (typeof oidcNames)[number]]?: string | undefined };

/** An email with a verified address, all of a domain, or a group. */
export type Entry = { kind: 'email' | 'domain' | 'group'; value: string };

export interface OidcSettings {
  issuer: URL;
  clientId: string;
  clientSecret: string;
  /** The scopes asked of the provider, separated by spaces. */
  scope: string;
  groupsClaim: string;
  /** The widest scope first. */
  allowed: [Scope, Entry[]][];
}

/** `off` without an issuer. `wrong` says in a sentence what has to be corrected. */
export type ReadSettings = { kind: 'off' } | { kind: 'wrong'; why: string } | { kind: 'on'; settings: OidcSettings };

export function readOidcSettings(env: OidcEnv): ReadSettings {
  const set = oidcNames.filter((name) => env[name]?.trim());
  if (set.length === 0) return { kind: 'off' };
  const missing = oidcNames.slice(0, 3).filter((name) => !set.includes(name));
  if (missing.length > 0) return wrong(`${set[0]} is set, so ${missing.join(' and ')} must be set too.`);
  const issuer = issuerOf(env.OIDC_ISSUER?.trim() ?? '');
  if (!issuer)
    return wrong(
      'OIDC_ISSUER is not an https address. (http is accepted only for a provider on this machine: 127.0.0.1, localhost.)',
    );
  const allowed: [Scope, Entry[]][] = [];
  for (const [name, scope] of lists) {
    const entries = entriesOf(env[name] ?? '');
    const bad = entries.find((entry) => typeof entry === 'string');
    if (bad !== undefined) return wrong(`${name}: "${bad}" is not an email address, *@DOMAIN or group:NAME.`);
    if (entries.length > limits.oidc.entriesMax)
      return wrong(`${name} has ${entries.length} entries, more than ${limits.oidc.entriesMax}: use a group.`);
    allowed.push([scope, entries as Entry[]]);
  }
  if (allowed.every(([, entries]) => entries.length === 0))
    return wrong('Nobody could log in: name somebody in OIDC_ADMINS, OIDC_MIGRATORS or OIDC_READERS.');
  const settings = {
    issuer,
    clientId: env.OIDC_CLIENT_ID?.trim() ?? '',
    clientSecret: env.OIDC_CLIENT_SECRET?.trim() ?? '',
    scope: env.OIDC_SCOPES?.trim() || 'openid email profile',
    groupsClaim: env.OIDC_GROUPS_CLAIM?.trim() || 'groups',
    allowed,
  };
  if (!settings.scope.split(/\s+/).includes('openid')) return wrong('OIDC_SCOPES must have "openid" in it.');
  return { kind: 'on', settings };
}

const lists = [
  ['OIDC_ADMINS', 'admin'],
  ['OIDC_MIGRATORS', 'migrate'],
  ['OIDC_READERS', 'read'],
] as const;

const wrong = (why: string) => ({ kind: 'wrong' as const, why });

/** Names of groups may have spaces in them, so commas and line breaks separate. Strings are what could not be read. */
function entriesOf(text: string): (Entry | string)[] {
  const parts = text.split(/[,\n]/).map((part) => part.trim());
  return parts.filter((part) => part !== '').map(entryOf);
}

function entryOf(text: string): Entry | string {
  const group = /^group:\s*(\S.*)$/.exec(text)?.[1];
  if (group) return { kind: 'group', value: group };
  const domain = /^\*@([^\s@*]+\.[^\s@*]+)$/.exec(text)?.[1];
  if (domain) return { kind: 'domain', value: domain.toLowerCase() };
  return /^[^\s@*]+@[^\s@*]+$/.test(text) ? { kind: 'email', value: text.toLowerCase() } : text;
}

function issuerOf(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || url.username || url.password || url.search || url.hash) return null;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)) ? url : null;
}

/** A connection that never leaves the machine, so that nobody can read or change it. */
export const isLoopback = ({ hostname }: URL): boolean => ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
