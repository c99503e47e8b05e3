import { addressOf, type Family, familiesOf, type Redirect } from './published-port.ts';
import { isRuleName } from './rules.ts';

/** Before Docker's chains, which are at the usual priorities -100 and 0. */
const natPriority = -110;
const filterPriority = -10;

const family = { 4: 'ipv4', 6: 'ipv6' } as const;
const header = { 4: 'ip', 6: 'ip6' } as const;

/** Input for `nft -f`, as `protection` of iptables, in the place of what is there. The table is ours alone. */
export function protectionTable(name: string, redirects: Redirect[], families: Family[]): string {
  const rules = redirects.flatMap((redirect) => {
    const own = familiesOf(redirect).filter((one) => families.includes(one));
    if (redirect.protocol === 'udp')
      return own.map(
        (one) => `meta nfproto ${family[one]} ${toAddress(redirect, one)}udp dport ${redirect.port} accept`,
      );
    const accepts = own.map(
      (one) =>
        `meta nfproto ${family[one]} tcp dport ${redirect.listener} ct status dnat ct original proto-dst ${redirect.port} accept`,
    );
    return [...accepts, `tcp dport ${redirect.listener} drop`];
  });
  return block(name, [chain('input', `type filter hook input priority ${filterPriority}`, rules)]);
}

/** Input for `nft -f`, as `redirection` of iptables, in the place of what is there. */
export function redirectionChains(name: string, redirects: Redirect[], families: Family[]): string {
  const tcp = redirects.filter(({ protocol }) => protocol === 'tcp');
  const rules = tcp.flatMap((redirect) =>
    familiesOf(redirect)
      .filter((one) => families.includes(one))
      .map(
        (one) =>
          `meta nfproto ${family[one]} ${toAddress(redirect, one)}fib daddr type local tcp dport ${redirect.port} redirect to :${redirect.listener}`,
      ),
  );
  return block(name, [
    chain('prerouting', `type nat hook prerouting priority ${natPriority}`, rules),
    chain('output', `type nat hook output priority ${natPriority}`, rules),
  ]);
}

/**
 * The chains stay, empty, until the table goes: where no other table translates a family, the kernel stops translating its
 * established connections with the last chain.
 */
export const redirectionRemoval = (name: string): string =>
  ['prerouting', 'output'].map((one) => flushed(name, one)).join('');

/** Whether a table, as `nft list table` prints it, has every rule of both. Its priorities keep its place. */
export function hasAll(listed: string, name: string, redirects: Redirect[], families: Family[]): boolean {
  const rulesIn = (text: string) => text.split('\n').filter((line) => /\b(tcp|udp) dport \d/.test(line)).length;
  const made = protectionTable(name, redirects, families) + redirectionChains(name, redirects, families);
  return rulesIn(listed) === rulesIn(made);
}

/** Of a table as `nft list table` prints it. */
export const hasRedirection = (listed: string): boolean => /^\s*chain prerouting \{/m.test(listed);

export const tableRemoval = (name: string): string => `delete table inet ${name}\n`;

/** Returns the names of our tables in the output of `nft list tables`. */
export const tablesIn = (listed: string): string[] =>
  [...listed.matchAll(/^table inet (\S+)$/gm)].map(([, name]) => name!).filter(isRuleName);

function toAddress(redirect: Redirect, one: Family): string {
  const address = addressOf(redirect);
  return address === null ? '' : `${header[one]} daddr ${address} `;
}

const flushed = (name: string, chain: string) => `flush chain inet ${name} ${chain}\n`;

interface Chain {
  name: string;
  hook: string;
  rules: string[];
}

const chain = (name: string, hook: string, rules: string[]): Chain => ({ name, hook, rules });

/** One transaction: the chains as they should be, each emptied of what it may have. Chains that are not named stay. */
const block = (name: string, chains: Chain[]) =>
  [
    table(
      name,
      chains.map((one) => ({ ...one, rules: [] })),
    ),
    ...chains.map((one) => flushed(name, one.name)),
    table(name, chains),
  ].join('');

const table = (name: string, chains: Chain[]) => `table inet ${name} {\n${chains.map(chainText).join('')}}\n`;

const chainText = ({ name, hook, rules }: Chain) =>
  `  chain ${name} {\n    ${hook}; policy accept;\n${rules.map((rule) => `    ${rule}\n`).join('')}  }\n`;
