import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { hostView, upgradeView } from '../../schema/api/nodes.ts';
import { limits } from '../../schema/limits.ts';
import { type ApiClient, ApiProblem, patiently } from '../api-client.ts';
import { CliError, exitCodes, usageError } from '../exit-code.ts';
import { findHost, type HostView, listHosts } from '../find.ts';
import { prose } from '../output/layout.ts';
import type { Session } from '../session.ts';

interface Ended {
  host: string;
  id: string;
  outcome: 'upgraded' | 'current' | 'failed';
  detail: string;
}

/** Upgrades one host after another, up to the first that does not come back with the new agent. */
export async function upgradeHosts({ term, api }: Session, nameOrId: string | undefined, options: { all?: boolean }) {
  if ((nameOrId === undefined) !== (options.all ?? false))
    throw usageError('Name one host, or use --all.', 'List them: stackferry hosts');
  const client = await api();
  const ended: Ended[] = [];
  for (const host of nameOrId === undefined ? await listHosts(client) : [await findHost(client, nameOrId)]) {
    const one = await upgradeOne(client, host).catch((error: unknown) => refused(host, error, options));
    ended.push(one);
    if (!term.json) term.out(...prose(term, `${one.host}: ${one.detail}`));
  }
  if (term.json) term.document(ended);
  return ended.some(({ outcome }) => outcome === 'failed') ? exitCodes.conflict : exitCodes.done;
}

async function upgradeOne(client: ApiClient, { id, name }: HostView): Promise<Ended> {
  const { version, program_sha256 } = await client.post(`/hosts/${id}/upgrade`, {}, upgradeView);
  const back = await whenBack(client, id, program_sha256);
  const failed = back.warnings.find(({ code }) => code === 'upgrade_failed');
  if (back.program_sha256 === program_sha256)
    return { host: name, id, outcome: 'upgraded', detail: `runs ${version} now.` };
  throw new CliError('upgrade_failed', `${name}: ${failed?.message ?? 'It has not come back.'}`, exitCodes.failure, [
    'No other host was asked. Look at its log there: journalctl -u stackferry-agent',
  ]);
}

/** Returns the host once it runs that program or reports that it failed, or its state after the longest wait. */
async function whenBack(client: ApiClient, id: string, sha256: string): Promise<z.infer<typeof hostView>> {
  const giveUp = AbortSignal.timeout(limits.upgrade.returnMsMax);
  for (;;) {
    const host = await patiently(() => client.get(`/hosts/${id}`, hostView), giveUp);
    const failed = host.warnings.some(({ code }) => code === 'upgrade_failed');
    const upgraded = host.program_sha256 === sha256;
    if ((host.status === 'online' && (upgraded || failed)) || giveUp.aborted) return host;
    await sleep(limits.cli.drainPollMs);
  }
}

/** With --all, a host that refuses does not stop the others' upgrades. */
function refused({ id, name }: HostView, error: unknown, { all }: { all?: boolean }): Ended {
  if (!(error instanceof ApiProblem) || error.status !== 409) throw error;
  if (error.code === 'already_current') return { host: name, id, outcome: 'current', detail: error.message };
  if (!all) throw error;
  return { host: name, id, outcome: 'failed', detail: `not upgraded: ${error.message}` };
}
