import { createdNode } from '../../schema/api/nodes.ts';
import { containerLines } from '../../schema/container-lines.ts';
import { installLine } from '../../schema/install-line.ts';
import { moment } from '../../schema/units.ts';
import { prose } from '../output/layout.ts';
import type { Session } from '../session.ts';

/** Creates a host or a relay and prints what starts it there, with its one-time token: a line, or a container. */
export async function join({ term, api, login }: Session, name: string, options: { relay?: boolean }) {
  const kind = options.relay ? 'relay' : 'host';
  const created = await (await api()).post(`/${kind}s`, { name }, createdNode);
  if (term.json) return term.document(created);
  const { url: control } = await login();
  const joining = { kind, name, joinToken: created.join_token } as const;
  const { run, compose } = containerLines(control, joining);
  term.out(
    ...prose(
      term,
      kind === 'host'
        ? `Host "${name}" is created. Paste this on that machine, beside the Docker Engine; it installs the agent:`
        : `Relay "${name}" is created. Paste this on a machine that the hosts can reach, as HOST:7400:`,
    ),
    '',
    `  ${installLine(control, joining)}`,
    '',
    ...prose(term, 'Or run it in a container, of the image that docs/containers.md builds:'),
    '',
    ...indented(run),
    '',
    'The same as a Compose file:',
    '',
    ...indented(compose),
    '',
    ...prose(
      term,
      `The token is shown only once, admits one ${kind}, and is valid until ${moment(created.join_token_expires_at)}.`,
      `Later starts and updates need no token. See it come online: stackferry ${kind}s`,
    ),
  );
}

const indented = (text: string) => text.split('\n').map((line) => `  ${line}`);
