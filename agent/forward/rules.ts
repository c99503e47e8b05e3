import type { Redirect } from './published-port.ts';

const prefix = 'STACKFERRY-';
/** The random part of an id; a chain's name has at most 28 characters. */
const digits = 16;

/** The name of what holds a migration's rules: a chain of iptables, a table of nft. */
export const ruleName = (migrationId: string): string => `${prefix}${migrationId.slice(-digits)}`;

export const isRuleName = (name: string): boolean => name.startsWith(prefix);

/**
 * Our rules in the host's firewall, by `ruleName`. Each act happens as a whole or not at all, and may be repeated; each
 * throws `command_failed` with what is missing.
 */
export interface Firewall {
  kind: 'iptables' | 'iptables-nft' | 'iptables-legacy' | 'nft';
  /** Opens the listeners to redirected connections, and closes them to all else. */
  protect(name: string, redirects: Redirect[]): Promise<void>;
  /** New connections to the published ports go to the listeners, until `unredirect`. Established ones are left alone. */
  redirect(name: string, redirects: Redirect[]): Promise<void>;
  unredirect(name: string): Promise<void>;
  /** Whether all that both did is in place, before any other rule: a reload of the host's firewall may have dropped it. */
  stands(name: string, redirects: Redirect[]): Promise<boolean>;
  /** Removes all of the name's rules. */
  remove(name: string): Promise<void>;
  /** Names that have rules, of any migration. */
  found(): Promise<string[]>;
}
