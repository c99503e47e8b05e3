import { join } from 'node:path';
import { seedSampleStack } from '../../../agent/engine/embedded/sample-stack.ts';
import type { Member } from '../../../cli/local/fleet.ts';
import { freePort } from '../../../cli/local/free-port.ts';
import { type FleetOptions, type FleetRig, startFleetRig } from '../../support/fleet-rig.ts';

/** The real Worker with embedded hosts, each part a process of its own. */
export interface UiRig {
  fleet: FleetRig;
  token: string;
  /** An embedded host; `flags` are further arguments of its agent. */
  addHost(name: string, ...flags: string[]): Promise<Member>;
  /** A guestbook of this name that runs on the host, with so much data. */
  seed(host: Member, stack: string, bytes?: number): Promise<void>;
  close(): Promise<void>;
}

const mib = 1_048_576;

export async function startUiRig(options: FleetOptions = {}): Promise<UiRig> {
  const fleet = await startFleetRig(options);
  const rootOf = (name: string) => join(fleet.dir, `root-${name}`);
  return {
    fleet,
    token: fleet.control.adminToken ?? '',
    addHost: (name, ...flags) =>
      fleet.addHost(name, ['--engine', 'embedded', '--embedded-root', rootOf(name), ...flags]),
    seed: async (host, stack, bytes = mib) => {
      await seedSampleStack(rootOf(host.name), stack, { bytes, port: await freePort('127.0.0.1') });
      await fleet.stackAt(stack, host);
    },
    close: () => fleet.close().catch(() => {}),
  };
}
