import { describe, expect, it } from 'vitest';
import { chooseFirewall, forwardsHere, sweepRules } from '../../agent/forward/firewall.ts';
import { closingChains } from '../../agent/forward/foreign-firewall.ts';
import { namesIn, protection, redirection, removal, replacement, shows } from '../../agent/forward/iptables-rules.ts';
import { hasAll, protectionTable, redirectionChains, tablesIn } from '../../agent/forward/nft-rules.ts';
import { checkedPorts } from '../../agent/forward/published-port.ts';
import { ruleName } from '../../agent/forward/rules.ts';
import { explain, MissingProgram, type RunProgram } from '../../agent/forward/rules-program.ts';
import { newId } from '../../schema/ids.ts';
import { tcp, udp } from './ports.ts';

const name = ruleName('mig_01kbabcdef0123456789abcdef');
const redirects = [
  { ...tcp(443, '192.0.2.1'), listener: 40_002 },
  { ...tcp(443, '2001:db8::1'), listener: 40_003 },
  { ...tcp(8080), listener: 40_001 },
];

describe('the rules of iptables', () => {
  it('are in a chain whose name fits, one for each migration', () => {
    expect(name).toBe('STACKFERRY-0123456789abcdef');
    const ids = Array.from({ length: 100 }, () => ruleName(newId('mig')));
    expect(new Set(ids).size).toBe(100);
    expect(ids.every((one) => one.length <= 28)).toBe(true);
  });

  it('redirect each published port, before any other rule', () => {
    expect(redirection(name, redirects, 4)).toBe(`*nat
:${name} - [0:0]
-A ${name} -p tcp -d 192.0.2.1 -m addrtype --dst-type LOCAL -m tcp --dport 443 -j REDIRECT --to-ports 40002
-A ${name} -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 8080 -j REDIRECT --to-ports 40001
-I PREROUTING 1 -j ${name}
-I OUTPUT 1 -j ${name}
COMMIT
`);
    expect(redirection(name, redirects, 6)).toContain('-d 2001:db8::1 -m addrtype');
    expect(redirection(name, redirects.slice(0, 1), 6)).toBe('');
  });

  it('let in what was redirected, and nothing else', () => {
    expect(protection(name, redirects.slice(2), 6)).toBe(`*filter
:${name} - [0:0]
-A ${name} -p tcp --dport 40001 -m conntrack --ctstate DNAT --ctorigdstport 8080 -j ACCEPT
-A ${name} -p tcp --dport 40001 -j DROP
-I INPUT 1 -j ${name}
COMMIT
`);
  });

  it('open a published UDP port, and redirect nothing of it', () => {
    const nameServer = [{ ...udp(53, '192.0.2.1'), listener: 53 }];
    expect(protection(name, nameServer, 4)).toContain(`-A ${name} -p udp -d 192.0.2.1 -m udp --dport 53 -j ACCEPT\n`);
    expect(redirection(name, nameServer, 4)).toBe('');
    expect(protectionTable(name, nameServer, [4, 6])).toContain(
      'meta nfproto ipv4 ip daddr 192.0.2.1 udp dport 53 accept',
    );
    expect(redirectionChains(name, nameServer, [4, 6])).not.toContain('53');
  });

  const dump = `# Generated
*filter
:INPUT DROP [3:180]
:${name} - [0:0]
-A INPUT -j ${name}
-A INPUT -i lo -j ACCEPT
-A ${name} -p tcp -m tcp --dport 40001 -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:${name} - [0:0]
:STACKFERRY-other - [0:0]
-A PREROUTING -j ${name}
-A PREROUTING -j ${name}
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -j STACKFERRY-other
-A ${name} -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 40001
COMMIT
`;

  it('are missed if one of them is gone, or another rule comes first', () => {
    const whole = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:${name} - [0:0]
-A PREROUTING -j STACKFERRY-other
-A PREROUTING -j ${name}
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -j ${name}
-A ${name} -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 8080 -j REDIRECT --to-ports 40001
COMMIT
`;
    const input = redirection(name, redirects.slice(2), 4);
    const without = (line: string) =>
      whole
        .split('\n')
        .filter((one) => !one.startsWith(line))
        .join('\n');
    expect(shows(whole, input)).toBe(true);
    expect(shows(whole, redirection(name, redirects.slice(0, 1), 6)), 'nothing of that family').toBe(true);
    expect(shows('', input)).toBe(false);
    expect(shows(whole, redirection(name, redirects, 4)), 'half of them').toBe(false);
    for (const line of [`-A ${name} `, `-A OUTPUT -j ${name}`, `-A PREROUTING -j ${name}`])
      expect(shows(without(line), input), line).toBe(false);
    const later = whole.replace(/(-A PREROUTING -j STACKFERRY-0\S+\n)(.*DOCKER\n)/, '$2$1');
    expect(later).not.toBe(whole);
    expect(shows(later, input), 'behind Docker’s').toBe(false);
  });

  it('are found by their name and removed, each jump as often as it is there, and no other rule', () => {
    expect(namesIn(dump)).toEqual([name, 'STACKFERRY-other']);
    const nat = `*nat\n-D PREROUTING -j ${name}\n-D PREROUTING -j ${name}\n-F ${name}\n-X ${name}\nCOMMIT\n`;
    expect(removal(dump, name)).toBe(`${nat}*filter\n-D INPUT -j ${name}\n-F ${name}\n-X ${name}\nCOMMIT\n`);
    expect(removal(dump, name, ['nat'])).toBe(nat);
    expect(removal(dump, 'STACKFERRY-none')).toBe('');
  });

  it('take the place of those that are there in one act, each jump once, and before all others', () => {
    const input = redirection(name, redirects.slice(2), 4);
    const stale = `-D PREROUTING -j ${name}\n-D PREROUTING -j ${name}\n`;
    expect(replacement(dump, input)).toBe(input.replace(' - [0:0]\n', ` - [0:0]\n${stale}`));
    expect(replacement('', input)).toBe(input);
  });
});

describe('the rules of nft', () => {
  it('are in a table of their own, before Docker’s', () => {
    const rules = redirectionChains(name, redirects, [4, 6]);
    expect(rules).toContain('type nat hook prerouting priority -110');
    expect(rules).toContain(
      'meta nfproto ipv6 ip6 daddr 2001:db8::1 fib daddr type local tcp dport 443 redirect to :40003',
    );
    expect(protectionTable(name, redirects, [4])).toContain(
      'meta nfproto ipv4 tcp dport 40001 ct status dnat ct original proto-dst 8080 accept\n    tcp dport 40001 drop',
    );
    expect(tablesIn(`table ip nat\ntable inet ${name}\ntable inet firewalld\n`)).toEqual([name]);
  });
});

describe('chains of nft that are not ours', () => {
  const input = (policy: string, ...rules: string[]) =>
    [
      'table inet firewall {',
      '\tset known {',
      '\t\ttype ipv4_addr',
      '\t}',
      '',
      '\tchain extra {',
      '\t\tct status dnat accept',
    ]
      .concat(['\t}', '', '\tchain input {', `\t\ttype filter hook input priority filter; policy ${policy};`])
      .concat([...rules.map((rule) => `\t\t${rule}`), '\t}', '}', ''])
      .join('\n');
  const established = 'ct state established,related accept';

  it.each([
    ['drops all the rest', input('drop', established), ['"inet firewall input"']],
    [
      'rejects all the rest',
      input('accept', established, 'reject with icmpx admin-prohibited'),
      ['"inet firewall input"'],
    ],
    ['counts and drops it', input('accept', established, 'counter drop'), ['"inet firewall input"']],
    ['drops some of it', input('accept', established, 'tcp dport 22 drop'), []],
    ['lets in what is redirected', input('drop', established, 'ct status dnat accept'), []],
    ['lets it in by another chain', input('drop', established, 'tcp dport 1-65535 jump extra'), []],
    [
      'is of iptables, where our rules are',
      input('drop').replace('inet firewall', 'ip filter').replace('n input', 'n INPUT'),
      [],
    ],
  ])('are seen to close the host: one that %s', (_what, ruleset, found) => {
    expect(closingChains(ruleset, 'iptables-nft')).toEqual(found);
  });

  it('are those of iptables too, for rules of another kind', () => {
    const ruleset = input('drop').replace('inet firewall', 'ip filter').replace('n input', 'n INPUT');
    expect(closingChains(ruleset, 'nft')).toEqual(['"ip filter INPUT"']);
    expect(closingChains(ruleset, 'iptables-legacy')).toEqual(['"ip filter INPUT"']);
  });
});

describe('the table of nft', () => {
  const one = [{ ...tcp(8080), listener: 40_001 }];
  // As nft prints it, with tabs.
  const listed = `table inet ${name} {
	chain input {
		type filter hook input priority filter - 10; policy accept;
		meta nfproto ipv4 tcp dport 40001 ct status dnat ct original proto-dst 8080 accept
		tcp dport 40001 drop
	}

	chain prerouting {
		type nat hook prerouting priority -110; policy accept;
		meta nfproto ipv4 fib daddr type local tcp dport 8080 redirect to :40001
	}

	chain output {
		type nat hook output priority -110; policy accept;
		meta nfproto ipv4 fib daddr type local tcp dport 8080 redirect to :40001
	}
}
`;

  it('is changed chain by chain: the rules that open the listeners leave the redirection as it is', () => {
    expect(protectionTable(name, one, [4])).toBe(`table inet ${name} {
  chain input {
    type filter hook input priority -10; policy accept;
  }
}
flush chain inet ${name} input
table inet ${name} {
  chain input {
    type filter hook input priority -10; policy accept;
    meta nfproto ipv4 tcp dport 40001 ct status dnat ct original proto-dst 8080 accept
    tcp dport 40001 drop
  }
}
`);
  });

  it('is missed if a rule of it is gone', () => {
    expect(hasAll(listed, name, one, [4])).toBe(true);
    expect(hasAll(listed.replace(/.*redirect.*\n/, ''), name, one, [4])).toBe(false);
    expect(hasAll(listed, name, one, [4, 6]), 'half of them').toBe(false);
    expect(hasAll('', name, one, [4])).toBe(false);
  });
});

describe('published ports', () => {
  it('come each once, those of one address first', () => {
    const ports = [tcp(80), tcp(80, '[::1]'), tcp(80)];
    expect(checkedPorts(ports)).toEqual([tcp(80, '::1'), tcp(80)]);
  });

  it.each([
    ['a name in place of an address', tcp(80, 'example.org')],
    ['what would be another rule', tcp(80, '1.2.3.4 -j ACCEPT')],
    ['an address of one interface', tcp(80, 'fe80::1%eth0')],
    ['port 0', tcp(0)],
    ['a port that is none', tcp(65_536)],
  ])('are refused: %s', (_title, port) => {
    expect(() => checkedPorts([port])).toThrow(/not a port/);
  });

  it('are bounded in number', () => {
    const many = Array.from({ length: 257 }, (_, index) => tcp(index + 1));
    expect(() => checkedPorts(many)).toThrow(/at most 256/);
  });
});

describe('the firewall of a host', () => {
  /** A host on which these programs print this; all others are missing. */
  const host =
    (prints: Record<string, string>): RunProgram =>
    async (program) => {
      const printed = prints[program];
      if (printed === undefined) throw new MissingProgram(program);
      return printed;
    };
  const docker = ':DOCKER - [0:0]\n';

  it.each([
    ['iptables-legacy', { 'iptables-nft-save': '', 'iptables-legacy-save': docker, nft: '' }],
    ['iptables-nft', { 'iptables-nft-save': docker, 'iptables-legacy-save': '', nft: '' }],
    ['nft', { 'iptables-nft-save': '', nft: 'table ip docker-bridges\n' }],
    ['iptables', { 'iptables-save': '' }],
    ['iptables-nft', { 'iptables-nft-save': '', 'iptables-legacy-save': '', nft: '' }],
    ['nft', { nft: '' }],
  ])('is %s, as Docker’s', async (kind, prints) => {
    expect((await chooseFirewall(host(prints), [4])).kind).toBe(kind);
  });

  it('is named as missing, and has nothing to remove', async () => {
    await expect(chooseFirewall(host({}), [4])).rejects.toThrow(/no program for firewall rules \(iptables or nft\)/);
    expect(await sweepRules(() => false, host({}), [4])).toEqual([]);
  });

  it('says to the pre-flight what it can do, and why not over IPv6', async () => {
    const docker4 = { 'iptables-nft-save': docker };
    const ok = { ok: true, detail: 'iptables-nft', ipv6: null };
    expect(await forwardsHere(host({ ...docker4, 'ip6tables-nft-save': '' }), [4, 6])).toEqual(ok);
    expect(await forwardsHere(host(docker4), [4]), 'of a host without IPv6').toEqual(ok);
    expect(await forwardsHere(host(docker4), [4, 6])).toEqual({ ...ok, ipv6: 'ip6tables-nft-save is missing there' });
    expect(await forwardsHere(host({ 'iptables-nft-save': '' }), [4])).toMatchObject({ ok: false });
    expect(await forwardsHere(host({}), [4])).toMatchObject({ ok: false });
  });

  it.each([
    ['iptables-nft', 'DROP', '', false],
    ['iptables-nft', 'ACCEPT', '', true],
    ['iptables-nft', 'ACCEPT', '-A INPUT -j REJECT --reject-with icmp-port-unreachable\n', false],
    ['iptables-nft', 'DROP', '-A INPUT -m conntrack --ctstate DNAT -j ACCEPT\n', true],
    ['iptables-legacy', 'DROP', '', true],
  ])('sees that iptables-legacy closes what %s lets in: policy %s, %s', async (kind, policy, rules, ok) => {
    const legacy = `*filter\n:INPUT ${policy} [0:0]\n${rules}COMMIT\n`;
    const prints = {
      'iptables-nft-save': kind === 'iptables-nft' ? docker : '',
      'iptables-legacy-save': legacy + (kind === 'iptables-legacy' ? docker : ''),
    };
    expect((await forwardsHere(host(prints), [4])).ok).toBe(ok);
  });

  it.each([
    [
      'iptables v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)',
      /no right/,
    ],
    ['Another app is currently holding the xtables lock. Perhaps you want to use the -w option?', /lock/],
    [
      "iptables-restore v1.8.9 (legacy): Couldn't load match `conntrack':No such file or directory",
      /connection tracking/,
    ],
    ['Extension addrtype revision 0 not supported, missing kernel module?', /local addresses/],
    [
      "iptables-restore v1.8.9 (legacy): iptables-restore: can't initialize iptables table `nat'",
      /no such firewall table/,
    ],
    ['ended by SIGKILL', /did not end in time/],
    ['line 3 failed', /can’t be changed by iptables-restore \(line 3 failed\)/],
  ])('says what is missing: %s', (said, reason) => {
    expect(explain('iptables-restore', said)).toMatch(reason);
  });
});
