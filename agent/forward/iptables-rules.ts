import { addressOf, type Family, familiesOf, type Redirect } from './published-port.ts';
import { isRuleName } from './rules.ts';

type Table = 'filter' | 'nat';

const ofFamily = (redirects: Redirect[], family: Family) =>
  redirects.filter((redirect) => familiesOf(redirect).includes(family));

/** Input for `iptables-restore --noflush`: a chain of ours, jumped to before any other rule. */
function tableInput(table: Table, name: string, rules: string[], hooks: string[]): string {
  return [
    `*${table}`,
    `:${name} - [0:0]`,
    ...rules.map((rule) => `-A ${name} ${rule}`),
    ...hooks.map((hook) => `-I ${hook} 1 -j ${name}`),
    'COMMIT',
    '',
  ].join('\n');
}

/**
 * The listeners take what was redirected to them, whatever the host's firewall says of their ports, and nothing else. A
 * published UDP port is open, as it is while the stack runs here. Empty if no port is of this family.
 */
export function protection(name: string, redirects: Redirect[], family: Family): string {
  const rules = ofFamily(redirects, family).flatMap((redirect) => {
    const { listener, port, protocol } = redirect;
    if (protocol === 'udp') return [`-p udp ${toAddress(redirect)}-m udp --dport ${port} -j ACCEPT`];
    return [
      `-p tcp --dport ${listener} -m conntrack --ctstate DNAT --ctorigdstport ${port} -j ACCEPT`,
      `-p tcp --dport ${listener} -j DROP`,
    ];
  });
  return rules.length === 0 ? '' : tableInput('filter', name, rules, ['INPUT']);
}

function toAddress(redirect: Redirect): string {
  const address = addressOf(redirect);
  return address === null ? '' : `-d ${address} `;
}

/** Sends new connections to the published TCP ports to their listeners, from other hosts, containers and this host. */
export function redirection(name: string, redirects: Redirect[], family: Family): string {
  const own = ofFamily(redirects, family).filter(({ protocol }) => protocol === 'tcp');
  const rules = own.map(
    (redirect) =>
      `-p tcp ${toAddress(redirect)}-m addrtype --dst-type LOCAL -m tcp --dport ${redirect.port} -j REDIRECT --to-ports ${redirect.listener}`,
  );
  return rules.length === 0 ? '' : tableInput('nat', name, rules, ['PREROUTING', 'OUTPUT']);
}

/**
 * Whether the dump of a family shows what this input made: every rule of the chain, and each jump before all rules that are
 * not ours.
 */
export function shows(dump: string, input: string): boolean {
  const lines = input.split('\n');
  if (input === '') return true;
  const { table, name } = subjectOf(input);
  const there = sectionOf(dump, table);
  const rulesIn = (some: string[]) => some.filter((line) => line.startsWith(`-A ${name} `)).length;
  const hooks = lines.flatMap((line) => /^-I (\S+) 1 -j /.exec(line)?.[1] ?? []);
  const isFirst = (hook: string) => {
    const rules = there.filter((line) => line.startsWith(`-A ${hook} `));
    const foreign = rules.findIndex((rule) => !isRuleName(rule.split(' -j ')[1] ?? ''));
    return rules.slice(0, foreign < 0 ? rules.length : foreign).includes(`-A ${hook} -j ${name}`);
  };
  return rulesIn(there) === rulesIn(lines) && hooks.every(isFirst);
}

/** The table and the chain that an input is about. */
function subjectOf(input: string): { table: string; name: string } {
  const [, table = '', name = ''] = /^\*(\S+)\n:(\S+) /.exec(input) ?? [];
  return { table, name };
}

/** The lines of a table in the output of `iptables-save`. */
export function sectionOf(dump: string, table: string): string[] {
  const [, section = ''] = new RegExp(`^\\*${table}$([^]*?)^COMMIT$`, 'm').exec(dump) ?? [];
  return section.split('\n');
}

/** Returns the names of our chains in the output of `iptables-save`. */
export function namesIn(dump: string): string[] {
  const names = [...dump.matchAll(/^:(\S+) /gm)].map(([, name]) => name!);
  return [...new Set(names.filter(isRuleName))];
}

/**
 * Input for `iptables-restore --noflush` that removes what the dump shows of a name, in these tables only. Empty if there
 * is nothing.
 */
export function removal(dump: string, name: string, tables: Table[] = ['nat', 'filter']): string {
  return tables
    .map((table) => {
      const lines = sectionOf(dump, table);
      if (!lines.some((line) => line.startsWith(`:${name} `))) return '';
      return [`*${table}`, ...jumpRemovals(lines, name), `-F ${name}`, `-X ${name}`, 'COMMIT', ''].join('\n');
    })
    .join('');
}

const jumpRemovals = (lines: string[], name: string): string[] =>
  lines
    .filter((line) => line.startsWith('-A ') && line.split(' ').includes(name) && !line.startsWith(`-A ${name} `))
    .map((line) => line.replace(/^-A/, '-D'));

/**
 * The input of `protection` or `redirection` such that it takes the place of what the dump shows of its name in that table, in
 * one act: no packet meets neither. Its line for the chain empties one that is there; of each jump only the new one is left.
 */
export function replacement(dump: string, input: string): string {
  const { table, name } = subjectOf(input);
  const jumps = jumpRemovals(sectionOf(dump, table), name).map((line) => `${line}\n`);
  return input.replace(/^:.*\n/m, (chain) => `${chain}${jumps.join('')}`);
}
