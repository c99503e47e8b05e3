import {
  hasAll,
  hasRedirection,
  protectionTable,
  redirectionChains,
  redirectionRemoval,
  tableRemoval,
  tablesIn,
} from './nft-rules.ts';
import type { Family } from './published-port.ts';
import type { Firewall } from './rules.ts';
import type { RunProgram } from './rules-program.ts';

/**
 * For a host without iptables. An `accept` of our table does not end the checks of another one: a firewall of nft rules must
 * itself accept redirected connections (`ct status dnat accept`, as firewalld does).
 */
export function nftFirewall(run: RunProgram, families: Family[]): Firewall {
  const apply = async (input: string) => void (await run('nft', ['-f', '-'], input));
  const found = async () => tablesIn(await run('nft', ['list', 'tables']));
  const ifFound = async (name: string, input: string) => ((await found()).includes(name) ? input : '');
  /** Input that empties the chains that redirect, if there are any. */
  const emptied = async (name: string) => {
    if (!(await found()).includes(name)) return '';
    return hasRedirection(await run('nft', ['list', 'table', 'inet', name])) ? redirectionRemoval(name) : '';
  };
  const install = async (name: string, input: string) =>
    await apply(input).catch(async (error) => {
      await apply(await ifFound(name, tableRemoval(name))).catch(() => {});
      throw error;
    });

  return {
    kind: 'nft',
    protect: async (name, redirects) => await install(name, protectionTable(name, redirects, families)),
    redirect: async (name, redirects) => await install(name, redirectionChains(name, redirects, families)),
    stands: async (name, redirects) =>
      (await found()).includes(name) &&
      hasAll(await run('nft', ['list', 'table', 'inet', name]), name, redirects, families),
    unredirect: async (name) => await apply(await emptied(name)),
    remove: async (name) => await apply(await ifFound(name, tableRemoval(name))),
    found,
  };
}
