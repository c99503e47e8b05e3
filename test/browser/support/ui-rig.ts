import { join } from 'node:path';
import { seedSampleStack } from '../../../agent/engine/embedded/sample-stack.ts';
import { downHost } from '../../../agent/engine/embedded/stack-lifecycle.ts';
import type { Member } from '../../../cli/fleet.ts';
import { freePort } from '../../../cli/free-port.ts';
import { type FleetOptions, type FleetRig, startFleetRig } from '../../support/fleet-rig.ts';

/** The real Worker with embedded hosts, each part a process of its own. */
export interface UiRig {
  fleet: FleetRig;
  token: string;
  /** An embedded host; what else its agent is told stands in `flags`. */
  addHost(name: string, ...flags: string[]): Promise<Member>;
  /** A guestbook of this name that runs on the host, with so much data. */
  seed(host: Member, stack: string, bytes?: number): Promise<void>;
  close(): Promise<void>;
}

const mib = 1_048_576;

export async function startUiRig(options: FleetOptions = {}): Promise<UiRig> {
  const fleet = await startFleetRig(options);
  const rootOf = (name: string) => join(fleet.dir, `root-${name}`);
  const roots: string[] = [];
  return {
    fleet,
    token: fleet.control.adminToken ?? '',
    addHost: async (name, ...flags) => {
      roots.push(rootOf(name));
      return fleet.addHost(name, ['--engine', 'embedded', '--embedded-root', rootOf(name), ...flags]);
    },
    seed: async (host, stack, bytes = mib) => {
      await seedSampleStack(rootOf(host.name), stack, { bytes, port: await freePort('127.0.0.1') });
      await fleet.stackAt(stack, host);
    },
    close: async () => {
      await fleet.close().catch(() => {});
      for (const root of roots) await downHost(root).catch(() => {});
    },
  };
}
