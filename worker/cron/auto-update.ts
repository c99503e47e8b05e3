import { compareVersions } from '../../schema/compare-versions.ts';
import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { type CarriedAgent, upgradeHost } from '../objects/host-connection/upgrade.ts';
import { carriedAgent } from '../store/carried-program.ts';
import { autoUpdatedHosts, type NodeRow } from '../store/nodes.ts';
import type { Tally } from './sweeps.ts';

/**
 * Upgrades outdated hosts that were installed with `--auto-update`: one first, then up to `hostsPerSweepMax` per sweep
 * once a host is online with the new version. Stops once a host had to go back to its old version. Busy and offline
 * hosts wait for a later sweep.
 */
export async function upgradeOutdated(env: Env): Promise<Tally> {
  const tally: Tally = { done: 0, failed: 0 };
  const hosts = await autoUpdatedHosts(env.DB);
  const carried = hosts.length > 0 ? await carriedAgent(env) : null;
  if (!carried) return tally;
  const { due, most } = planned(hosts, carried);
  for (const host of due) {
    if (tally.done + tally.failed >= most) break;
    const outcome = await upgradeHost(env, host, carried, { origin: '', automatic: true });
    if (outcome.ok) tally.done += 1;
    else if (!passing.has(outcome.error.code)) {
      tally.failed += 1;
      tally.error ??= new Error(`${host.name}: ${outcome.error.message}`);
    }
  }
  return tally;
}

const passing: ReadonlySet<string> = new Set(['host_offline', 'host_busy']);

/** Returns the outdated hosts that are connected, and how many of them may be upgraded now. */
function planned(hosts: NodeRow[], { sha256, version }: CarriedAgent): { due: NodeRow[]; most: number } {
  if (hosts.some(({ program }) => program?.failed?.sha256 === sha256)) return { due: [], most: 0 };
  const proven = hosts.some(({ program }) => program?.sha256 === sha256);
  const outdated = hosts.filter(({ agent_version }) => agent_version && compareVersions(agent_version, version) < 0);
  return { due: outdated.filter(({ connected }) => connected), most: proven ? limits.upgrade.hostsPerSweepMax : 1 };
}
