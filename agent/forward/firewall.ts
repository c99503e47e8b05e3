import { existsSync } from 'node:fs';
import { errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { closedBy } from './foreign-firewall.ts';
import { iptablesFirewall, programOf } from './iptables.ts';
import { nftFirewall } from './nft.ts';
import type { Family } from './published-port.ts';
import type { Firewall } from './rules.ts';
import { MissingProgram, type RunProgram, runRulesProgram } from './rules-program.ts';

/** The families of this host. */
export const hostFamilies = (): Family[] => (existsSync('/proc/self/net/if_inet6') ? [4, 6] : [4]);

/**
 * Chooses the kind that Docker uses here, so that our rules come before its own; else iptables, else nft. Throws
 * `command_failed` if the host has neither.
 */
export async function chooseFirewall(run: RunProgram = runRulesProgram, families = hostFamilies()): Promise<Firewall> {
  const kinds = await firewallsHere(run, families);
  for (const { firewall, docker } of kinds) if (docker) return firewall;
  const preferred = kinds.find(({ firewall }) => firewall.kind !== 'iptables-legacy') ?? kinds[0];
  if (preferred) return preferred.firewall;
  throw new StackferryError(
    'command_failed',
    'Connections can’t be held on this host: it has no program for firewall rules (iptables or nft).',
  );
}

/**
 * Whether new connections can be redirected before Docker's rules and reach the holder, and by what. `ipv6`: why not those of
 * IPv6; null if they can.
 */
export async function forwardsHere(
  run: RunProgram = runRulesProgram,
  families = hostFamilies(),
): Promise<{ ok: boolean; detail: string; ipv6: string | null }> {
  const cannot = (detail: string) => ({ ok: false, detail, ipv6: null });
  try {
    const kinds = await firewallsHere(run, families);
    const docker = kinds.find((kind) => kind.docker);
    if (!docker) return cannot('it sees no rules of Docker. Has the agent the host’s network, and iptables or nft?');
    const { kind } = docker.firewall;
    const closed = await closedBy(kind, run);
    return closed ? cannot(closed) : { ok: true, detail: kind, ipv6: await ipv6Obstacle(kind, run, families) };
  } catch (error) {
    return cannot(errorMessageOf(error));
  }
}

/** A host may have iptables for IPv4 alone, or a kernel that translates no IPv6. */
async function ipv6Obstacle(kind: Firewall['kind'], run: RunProgram, families: Family[]): Promise<string | null> {
  if (kind === 'nft' || !families.includes(6)) return null;
  try {
    await run(programOf(kind, 6, 'save'), ['-t', 'nat']);
    return null;
  } catch (error) {
    return error instanceof MissingProgram ? `${error.message} is missing there` : errorMessageOf(error);
  }
}

/**
 * Removes what an earlier agent left, of whichever kind, except the rules that stay by their name, asked right before the removal. Returns the names removed. A host
 * without a firewall's program has none.
 */
export async function sweepRules(
  stays: (name: string) => boolean,
  run: RunProgram = runRulesProgram,
  families = hostFamilies(),
): Promise<string[]> {
  const removed = new Set<string>();
  for (const { firewall } of await firewallsHere(run, families)) {
    for (const name of await firewall.found()) {
      if (stays(name)) continue;
      await firewall.remove(name);
      removed.add(name);
    }
  }
  return [...removed];
}

interface Kind {
  firewall: Firewall;
  /** Docker's rules are of this kind. */
  docker: boolean;
}

/**
 * Both of iptables' kinds by their own names; by the plain name where a distribution has only that. Throws why the
 * programs fail, if all that are here do: a kernel may support one kind alone.
 */
async function firewallsHere(run: RunProgram, families: Family[]): Promise<Kind[]> {
  const faults: unknown[] = [];
  const look = async (firewall: Firewall, docker: RegExp, program: string, args: string[]): Promise<Kind[]> => {
    try {
      return [{ firewall, docker: docker.test(await run(program, args)) }];
    } catch (error) {
      if (!(error instanceof MissingProgram)) faults.push(error);
      return [];
    }
  };
  const iptables = (kind: Exclude<Firewall['kind'], 'nft'>) =>
    look(iptablesFirewall(kind, run, families), /^:DOCKER /m, `${kind}-save`, []);
  const both = [...(await iptables('iptables-nft')), ...(await iptables('iptables-legacy'))];
  const plain = both.length > 0 ? [] : await iptables('iptables');
  const nft = await look(nftFirewall(run, families), /^table ip docker-bridges$/m, 'nft', ['list', 'tables']);
  const kinds = [...both, ...plain, ...nft];
  if (kinds.length === 0 && faults.length > 0) throw faults[0];
  return kinds;
}
