import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { UsageError } from '../config.ts';

/** The agent's default, and those of install.sh and of the container that the control plane prints. */
const usual = () => [join(homedir(), '.stackferry', 'agent'), '/var/lib/stackferry', '/var/lib/stackferry/agent'];

/** Finds the state directory of this host's agent: the one named, or the only usual one. Throws UsageError. */
export function stateDirOf(named: string | undefined): string {
  const places = named === undefined ? usual() : [resolve(named)];
  const found = places.filter((place) => existsSync(join(place, 'identity.json')));
  const [only] = found;
  if (only === undefined)
    throw new UsageError(`No agent has its state in ${places.join(', ')}: run this as root, and name it with --state`);
  if (found.length > 1)
    throw new UsageError(`Agents have their state in ${found.join(' and ')}: name one with --state`);
  return only;
}
