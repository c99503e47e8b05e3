import type { z } from 'zod';
import { createdToken, tokenView } from '../../schema/api/access.ts';
import type { Scope } from '../../schema/scopes.ts';
import { ago, moment } from '../../schema/units.ts';
import type { ApiClient } from '../api-client.ts';
import { confirm } from '../ask.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { listAll } from '../find.ts';
import { labelled, prose, table } from '../output/layout.ts';
import type { Style, Terminal } from '../output/terminal.ts';
import type { Session } from '../session.ts';

type Token = z.infer<typeof tokenView>;

/** Active tokens; with `all` revoked and expired ones too. */
export async function tokens({ term, api }: Session, options: { all?: boolean }) {
  const items = await listAll(await api(), '/tokens', tokenView);
  const shown = options.all ? items : items.filter(({ status }) => status === 'active');
  if (term.json) return term.document(shown);
  const rows = shown.map((token) => [
    token.name,
    token.scopes.join(', '),
    term.paint(styles[token.status], token.status),
    expiry(token),
    token.last_used_at ? ago(token.last_used_at) : 'never',
    token.id,
  ]);
  term.out(...table(term, ['TOKEN', 'SCOPES', 'STATUS', 'EXPIRES', 'USED', 'ID'], rows));
}

/** `expiresIn` in seconds. */
export async function createApiToken(
  { term, api }: Session,
  name: string,
  { scope: scopes, expiresIn }: { scope: Scope[]; expiresIn?: number },
) {
  const ending = expiresIn === undefined ? {} : { expires_in_s: expiresIn };
  const created = await (await api()).post('/tokens', { name, scopes, ...ending }, createdToken);
  if (term.json) return term.document(created);
  term.out(...tokenLines(term, created), ...labelled(term, 'secret', created.token, 14, 0), '');
  term.out(...prose(term, 'The secret is shown only once; only a hash of it is stored.'));
}

export async function revokeToken({ term, api }: Session, wanted: string, options: { yes?: boolean }) {
  const client = await api();
  const { id, name } = await findToken(client, wanted);
  await confirm(term, `Revoke "${name}" for good?`, options);
  await client.delete(`/tokens/${id}`);
  if (term.json) term.document({ revoked: id });
  else term.out(`"${name}" is revoked.`);
}

/** A person whose access was revoked, by id or name. */
export async function restorePerson({ term, api }: Session, wanted: string) {
  const client = await api();
  const people = (await listAll(client, '/tokens', tokenView)).filter(({ kind }) => kind === 'person');
  const fitting = people.filter(({ id, name }) => id === wanted || name === wanted);
  const [only] = fitting;
  if (!only || fitting.length > 1)
    throw new CliError(
      only ? 'ambiguous' : 'not_found',
      only
        ? `${fitting.length} people are named "${wanted}"; give an id.`
        : `No person named "${wanted}" has logged in.`,
      only ? exitCodes.usage : exitCodes.not_found,
      only ? fitting.map(({ id }) => id) : ['A revoked token stays revoked; create another: stackferry tokens create'],
    );
  const restored = await client.post(`/tokens/${only.id}/restore`, {}, tokenView);
  if (term.json) return term.document(restored);
  term.out(`"${restored.name}" may log in again.`);
}

/** Where commands go, by which profile, and with which token. */
export async function whoami({ term, api, login }: Session) {
  const { url, profile } = await login();
  const token = await (await api()).get('/tokens/current', tokenView);
  if (term.json) return term.document({ url, profile, token });
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  term.out(
    ...row('control', url),
    ...row('profile', profile ?? 'none: the environment names address and token'),
    ...tokenLines(term, token),
  );
}

/** By id, or by name if only one active token has it. */
async function findToken(client: ApiClient, wanted: string): Promise<Token> {
  const all = await listAll(client, '/tokens', tokenView);
  const named = all.filter(({ name, status }) => name === wanted && status === 'active');
  const [only] = named;
  const found = all.find(({ id }) => id === wanted) ?? (named.length === 1 ? only : undefined);
  if (found) return found;
  if (named.length === 0)
    throw new CliError('not_found', `There is no token named "${wanted}".`, exitCodes.not_found, [
      'List them: stackferry tokens',
    ]);
  const ids = named.map(({ id, created_at }) => `${id}  created ${ago(created_at)}`);
  throw new CliError('ambiguous', `${named.length} tokens are named "${wanted}".`, exitCodes.usage, ids);
}

function tokenLines(term: Terminal, token: Token): string[] {
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  return [
    ...row('token', token.name),
    ...row('id', token.id),
    ...row('scopes', token.scopes.join(', ')),
    ...row('expires', expiry(token)),
  ];
}

const expiry = ({ expires_at }: Token) => (expires_at ? moment(expires_at) : 'never');

const styles: { [S in Token['status']]: Style } = { active: 'green', expired: 'dim', revoked: 'dim' };
