import { createdNode } from '../../schema/api.ts';
import { moment } from '../../schema/units.ts';
import { readLogin } from '../login-file.ts';
import { prose } from '../output/layout.ts';
import type { Session } from '../session.ts';

/** Creates a host or a relay and prints how to start it there, with its one-time token. */
export async function join({ term, api, url, env }: Session, name: string, options: { relay?: boolean }) {
  const kind = options.relay ? 'relay' : 'host';
  const created = await (await api()).post(`/${kind}s`, { name }, createdNode);
  if (term.json) return term.document(created);
  const control = url ?? (env.STACKFERRY_URL || (await readLogin(env))?.url);
  const [start, command] =
    kind === 'host'
      ? [
          `Host "${name}" is created. Start its agent on that machine, beside the Docker Engine:`,
          [`stackferry agent --control ${control}`, '--state /var/lib/stackferry'],
        ]
      : [
          `Relay "${name}" is created. Start it where the hosts can reach it, as HOST:7400:`,
          [`stackferry relay --control ${control}`, '--state /var/lib/stackferry-relay', '--advertise HOST:7400'],
        ];
  term.out(
    ...prose(term, start),
    '',
    `  STACKFERRY_JOIN_TOKEN=${created.join_token} \\`,
    `    ${command.join(' \\\n    ')}`,
    '',
    ...prose(
      term,
      `The token is shown this once, joins one ${kind}, and is good until ${moment(created.join_token_expires_at)}.`,
      `Later starts need no token. See it come online: stackferry ${kind}s`,
    ),
  );
}
