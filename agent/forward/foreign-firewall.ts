import { sectionOf } from './iptables-rules.ts';
import type { Firewall } from './rules.ts';
import type { RunProgram } from './rules-program.ts';

/**
 * What closes this host to connections that are redirected to the holder, although our own rules accept them: an accept does
 * not end the checks of another table, nor of iptables' other kind. Null if nothing is seen that does. Judged by what such
 * chains say: one that drops all the rest must accept what is redirected (`ct status dnat`).
 */
export async function closedBy(kind: Firewall['kind'], run: RunProgram): Promise<string | null> {
  // A host without the program, or whose kernel lacks that kind, has none of its rules.
  const printed = (program: string, ...args: string[]) => run(program, args).catch(() => '');
  const [closing] = closingChains(await printed('nft', '--stateless', 'list', 'ruleset'), kind);
  if (closing)
    return `the chain ${closing} of nft drops what comes in, also what is redirected to the agent. Let that pass with a rule of it: ct status dnat accept`;
  if (kind === 'iptables-legacy') return null;
  for (const program of ['iptables-legacy', 'ip6tables-legacy'])
    if (closesInput(await printed(`${program}-save`)))
      return `${program} drops what comes in, also what is redirected to the agent. Let that pass: ${program} -I INPUT -m conntrack --ctstate DNAT -j ACCEPT`;
  return null;
}

interface Chain {
  table: string;
  name: string;
  lines: string[];
}

/** Names the chains of this ruleset that take what comes in and let nothing redirected pass. */
export function closingChains(ruleset: string, kind: Firewall['kind']): string[] {
  const chains = chainsIn(ruleset);
  return chains
    .filter((chain) => {
      const [head = '', ...rules] = chain.lines;
      if (!/^type filter hook input\b/.test(head) || isOurs(chain, kind)) return false;
      const closes = /policy drop;/.test(head) || dropsAll.test(rules.at(-1) ?? '');
      return closes && !reached(chain, chains).some((rule) => passes.test(rule));
    })
    .map(({ table, name }) => `"${table} ${name}"`);
}

const dropsAll = /^(counter |log .* )?(drop|reject( with .*)?)$/;
const passes = /\bct status\b.*\bdnat\b.*\baccept\b/;

/** Rules that accept are there before any other one. */
const isOurs = ({ table, name }: Chain, kind: Firewall['kind']) =>
  ['iptables', 'iptables-nft'].includes(kind) && /^ip6? filter$/.test(table) && name === 'INPUT';

/** All rules that a chain and those that it leads to have. */
function reached(from: Chain, chains: Chain[]): string[] {
  const seen = new Set([from]);
  for (const { table, lines } of seen)
    for (const line of lines) {
      const [, name] = /\b(?:jump|goto) (\S+)$/.exec(line) ?? [];
      const next = chains.find((chain) => chain.table === table && chain.name === name);
      if (next) seen.add(next);
    }
  return [...seen].flatMap(({ lines }) => lines);
}

/** As `nft list ruleset` prints them. */
function chainsIn(ruleset: string): Chain[] {
  const chains: Chain[] = [];
  let table = '';
  let chain: Chain | null = null;
  for (const line of ruleset.split('\n')) {
    const [, ofTable] = /^table (\S+ \S+) \{/.exec(line) ?? [];
    const [, ofChain] = /^\tchain (\S+) \{/.exec(line) ?? [];
    if (ofTable) table = ofTable;
    else if (ofChain) {
      chain = { table, name: ofChain, lines: [] };
      chains.push(chain);
    } else if (/^\t?\}/.test(line)) chain = null;
    else chain?.lines.push(line.trim());
  }
  return chains;
}

/** Of the output of `iptables-save`. */
function closesInput(dump: string): boolean {
  const lines = sectionOf(dump, 'filter');
  const last = lines.findLast((line) => line.startsWith('-A INPUT ')) ?? '';
  const closes = lines.some((line) => line.startsWith(':INPUT DROP ')) || /^-A INPUT -j (DROP|REJECT)\b/.test(last);
  return closes && !lines.some((line) => /--ctstate \S*DNAT\S* .*-j ACCEPT/.test(line));
}
