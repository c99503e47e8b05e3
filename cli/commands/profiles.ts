import { CliError, exitCodes } from '../exit-code.ts';
import { profileName, readLogins, removeLogin, writeLogins } from '../login-file.ts';
import { table } from '../output/layout.ts';
import type { Session } from '../session.ts';

export async function profiles(session: Session) {
  const { term, env } = session;
  const logins = await readLogins(env);
  const current = profileName(session.profile, env, logins);
  const items = [...logins.profiles].map(([name, { url }]) => ({ name, url, current: name === current }));
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No profiles. Log in: stackferry login URL --profile NAME');
  const rows = items.map((profile) => [
    profile.name,
    profile.url,
    profile.current ? term.paint('green', 'in use') : '',
  ]);
  term.out(...table(term, ['PROFILE', 'CONTROL PLANE', ''], rows));
}

export async function useProfile({ term, env }: Session, name: string) {
  const { profiles } = await readLogins(env);
  const kept = profiles.get(name);
  if (!kept) throw noProfile(name);
  await writeLogins(env, { current: name, profiles });
  if (term.json) term.document({ name, url: kept.url, current: true });
  else term.out(`Commands now go to ${kept.url}, the profile "${name}".`);
}

export async function removeProfile({ term, env }: Session, name: string) {
  const { current } = await readLogins(env);
  if (!(await removeLogin(env, name))) throw noProfile(name);
  if (term.json) return term.document({ removed: name });
  term.out(`The profile "${name}" is removed. Its token stays valid until it is revoked.`);
  const { current: now, profiles } = await readLogins(env);
  if (current === name && profiles.has(now)) term.out(`It was in use; commands use "${now}" from now on.`);
}

const noProfile = (name: string) =>
  new CliError('not_found', `There is no profile named "${name}".`, exitCodes.not_found, [
    'List them: stackferry profiles',
    `Or make it: stackferry login URL --profile ${name}`,
  ]);
