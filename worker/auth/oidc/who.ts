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

/** The same id at each login, of 104 bits: derived from what the provider never gives to anyone else. */
export async function personId(issuer: string, subject: string): Promise<string> {
  return personPrefix + (await hashToken(JSON.stringify([issuer, subject]))).slice(0, 26);
}

export type Named = { ok: true; person: Person } | { ok: false; person: Omit<Person, 'scopes'>; why: string };

/** Who logs in, and what they may do by the settings: the widest scope of a list that has them. */
export async function personIn(claims: Claims, settings: OidcSettings): Promise<Named> {
  const email = emailOf(claims);
  const person = { id: await personId(claims.iss, claims.sub), name: nameOf(claims, email) };
  const groups = groupsOf(claims[settings.groupsClaim]);
  const scope = settings.allowed.find(([, entries]) => entries.some((entry) => fits(entry, email, groups)))?.[0];
  if (scope) return { ok: true, person: { ...person, scopes: [scope] } };
  const unverified = email === null && typeof claims.email === 'string';
  return { ok: false, person, why: unverified ? whyUnverified(person.name) : whyNot(person.name) };
}

function fits({ kind, value }: Entry, email: string | null, groups: string[]): boolean {
  if (kind === 'group') return groups.includes(value);
  return email !== null && (kind === 'email' ? email === value : email.endsWith(`@${value}`));
}

/** In lower case; null unless the provider says that the address is theirs: anyone can enter somebody else's. */
function emailOf({ email, email_verified }: Claims): string | null {
  return typeof email === 'string' && email_verified === true ? email.toLowerCase() : null;
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
