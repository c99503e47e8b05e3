import type { Outcome } from '../../../schema/agent-protocol.ts';
import { compareVersions } from '../../../schema/compare-versions.ts';
import { updateLine } from '../../../schema/install-line.ts';
import { limits } from '../../../schema/limits.ts';
import { connectionOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import type { carriedAgent } from '../../store/carried-program.ts';
import { migrationNeeding } from '../../store/host-deletion.ts';
import { forgetFailedProgram, type NodeRow } from '../../store/nodes.ts';
import { no } from './control-socket.ts';

export type CarriedAgent = NonNullable<Awaited<ReturnType<typeof carriedAgent>>>;

/**
 * Has an idle host fetch the agent that this control plane serves, and start it. Ok once the host has it, checked, and
 * is about to restart. `origin`: where the host's install line finds this control plane.
 */
export async function upgradeHost(
  env: Env,
  host: NodeRow,
  carried: CarriedAgent,
  { origin, automatic }: { origin: string; automatic: boolean },
): Promise<Outcome> {
  const refusal = whyNot(host, carried, origin) ?? (await whyBusy(env.DB, host.id));
  if (refusal) return refusal;
  const { sha256, version } = carried;
  const outcome: Outcome = await connectionOf(env, host.id).request(
    'upgrade',
    { sha256, version, automatic },
    limits.upgrade.requestMsMax,
  );
  // What failed before is tried again now, and the host has not restarted yet.
  if (outcome.ok) await forgetFailedProgram(env.DB, host.id);
  return outcome;
}

function whyNot(host: NodeRow, { sha256, version }: CarriedAgent, origin: string): Outcome | null {
  const { name, program, agent_version } = host;
  if (agent_version === null) return no('host_offline', `"${name}" has not joined yet.`);
  if (!program) {
    const line = `On that host: ${updateLine(origin)}`;
    return no('not_upgradable', `The agent of "${name}" is ${agent_version}, which cannot upgrade itself. ${line}`);
  }
  if (program.sha256 === sha256)
    return no('already_current', `"${name}" runs ${version}, as this control plane has it.`);
  if (compareVersions(agent_version, version) > 0)
    return no(
      'not_upgradable',
      `"${name}" runs ${agent_version}, and this control plane has ${version}: upgrade that first.`,
    );
  return null;
}

async function whyBusy(db: D1Database, host: string): Promise<Outcome | null> {
  const needing = await migrationNeeding(db, host);
  if (!needing) return null;
  return no(
    'host_busy',
    `Migration ${needing.id} ("${needing.status}") needs this host; upgrade it once that has ended.`,
  );
}
