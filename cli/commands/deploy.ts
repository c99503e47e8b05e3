import { nodeName } from '../../schema/api/common.ts';
import { installLine } from '../../schema/install-line.ts';
import { type DeployOptions, deployTo } from '../deploy/deploy.ts';
import { wranglerOnPath } from '../deploy/run-wrangler.ts';
import { usageError } from '../exit-code.ts';
import type { Session } from '../session.ts';

/** Deploys the control plane to a Cloudflare account, or updates the one there. */
export async function deploy(
  { term }: Session,
  {
    domain = null,
    dryRun = false,
    withoutAuthority = false,
    restored = false,
    host = 'host-1',
  }: Partial<DeployOptions>,
) {
  if (!nodeName.safeParse(host).success)
    throw usageError(`--host: "${host}" is not a valid host name.`, 'Use lower-case letters, digits, dots and dashes.');
  const options = { domain, dryRun, withoutAuthority, restored, host };
  const { url, adminToken, firstHost } = await deployTo(wranglerOnPath, options, (line) => term.err(line));
  if (term.json) return term.document({ url, admin_token: adminToken, first_host: firstHost });
  if (url === null) return term.out('It would be deployed: the Worker, its settings and migrations are in order.');
  term.out(`The control plane is at ${url}`);
  if (adminToken === null) return;
  term.out('', 'First admin token, shown only once:', `  ${adminToken}`, `Log in with it: stackferry login ${url}`);
  if (firstHost === null) return;
  term.out(
    '',
    `Then paste this on the machine that will be "${firstHost.name}", beside the Docker Engine; it installs the agent:`,
    `  ${installLine(url, { kind: 'host', ...firstHost })}`,
    'For each further one, stackferry join NAME prints such a line.',
  );
}
