import { limits } from '../../../schema/limits.ts';
import type { Scope } from '../../../schema/scopes.ts';
import { hashToken, personPrefix } from '../../store/token-format.ts';
import type { Entry, OidcSettings } from './settings.ts';

/** Claims of the ID token and of the provider's userinfo, whatever it puts into them. */
export type Claims = Record<string, unknown> & { iss: string; sub: string };

export interface Person {
  id: string;
  /** As people know them: mostly the address of their email. */
  name: string;
  scopes: Scope[];
}

/** What the ID token says counts more than what userinfo does. Of an address both halves are from one of them. */
export function claimsOf(token: Claims, told: Record<string, unknown>): Claims {
  const { email, email_verified } = token.email === undefined ? told : token;
  return { ...told, ...token, email, email_verified };
}

/** The same id at each login, of 104 bits: derived from what the provider never gives to anyone else. */
export async function personId(issuer: string, subject: string): Promise<string> {
  return personPrefix + (await hashToken(JSON.stringify([issuer, subject]))).slice(0, 26);
}

export type Named = { ok: true; person: Person } | { ok: false; person: Omit<Person, 'scopes'>; why: string };

/** Who logs in, and what they may do by the settings: the widest scope of a list that has them. */
export async function personIn(claims: Claims, settings: OidcSettings): Promise<Named> {
  const isForeign = settings.issuer.host === googleHost && !isOfGoogle(claims);
  const email = isForeign ? null : emailOf(claims);
  const person = { id: await personId(claims.iss, claims.sub), name: nameOf(claims, email) };
  const groups = groupsOf(claims[settings.groupsClaim]);
  const scope = settings.allowed.find(([, entries]) => entries.some((entry) => fits(entry, email, groups)))?.[0];
  if (scope) return { ok: true, person: { ...person, scopes: [scope] } };
  if (email !== null || typeof claims.email !== 'string') return { ok: false, person, why: whyNot(person.name) };
  return { ok: false, person, why: isForeign ? whyForeign : whyUnverified(person.name) };
}

function fits({ kind, value }: Entry, email: string | null, groups: string[]): boolean {
  if (kind === 'group') return groups.includes(value);
  return email !== null && (kind === 'email' ? email === value : email.endsWith(`@${value}`));
}

/** In lower case; null unless the provider says that the address is theirs: anyone can enter somebody else's. */
function emailOf({ email, email_verified }: Claims): string | null {
  return typeof email === 'string' && email_verified === true ? email.toLowerCase() : null;
}

const googleHost = 'accounts.google.com';

/**
 * Google makes accounts for addresses of any domain, and verifies them once: whoever reads one mail has such an account for
 * good. Only for Gmail's own addresses, and those of the Workspace of that domain (`hd`), it knows whose they are now.
 */
function isOfGoogle({ email, hd }: Claims): boolean {
  const domain = typeof email === 'string' ? email.toLowerCase().split('@').at(-1) : undefined;
  return domain === 'gmail.com' || (typeof hd === 'string' && hd.toLowerCase() === domain);
}

const groupsOf = (claim: unknown): string[] =>
  [claim].flat().filter((group): group is string => typeof group === 'string');

/** One line, as a token's name. What nobody has verified is only taken where there is nothing better. */
function nameOf({ preferred_username, sub }: Claims, email: string | null): string {
  const given = email ?? (typeof preferred_username === 'string' ? preferred_username : sub);
  const plain = given.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
  return (plain || sub).slice(0, limits.api.tokenNameCharsMax);
}

const whyNot = (name: string) =>
  `You are logged in at the provider as ${name}, but nobody has let ${name} in here. Ask an admin of this control plane: OIDC_ADMINS, OIDC_MIGRATORS and OIDC_READERS say who may log in.`;

const whyUnverified = (name: string) =>
  `The provider does not say that your email address is verified (email_verified), so it counts for nothing here. An admin can let ${name} in by a group instead.`;

const whyForeign =
  'Google does not say that your account belongs to the Workspace of its email domain (hd), so the address counts for nothing here. Log in with the account of your organization.';
