import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { namesIn, protection, redirection, removal, replacement, shows } from './iptables-rules.ts';
import type { Family, Redirect } from './published-port.ts';
import type { Firewall } from './rules.ts';
import { MissingProgram, type RunProgram } from './rules-program.ts';

type Kind = Exclude<Firewall['kind'], 'nft'>;

/** Reads or changes the rules of a family. */
export const programOf = (kind: Kind, family: Family, act: 'save' | 'restore'): string =>
  `${family === 4 ? kind : kind.replace('iptables', 'ip6tables')}-${act}`;

/** `families`: those of this host. */
export function iptablesFirewall(kind: Kind, run: RunProgram, families: Family[]): Firewall {
  const restore = async (family: Family, input: string) => {
    if (input === '') return;
    const name = programOf(kind, family, 'restore');
    await run(name, ['--noflush', '-w', `${limits.forward.rulesLockS}`], input).catch((error) => {
      if (!(error instanceof MissingProgram)) throw error;
      throw new StackferryError('command_failed', `Connections can’t be held on this host: ${name} is missing.`);
    });
  };
  /** A host may have iptables for IPv4 alone. */
  const dump = (family: Family) =>
    run(programOf(kind, family, 'save'), []).catch((error) => {
      if (error instanceof MissingProgram) return '';
      throw error;
    });

  /** One act for each family and table. `inputFor`: from what the family has now. */
  const change = async (inputFor: (dump: string, family: Family) => string) => {
    for (const family of families) {
      for (let tries = 1; ; tries++) {
        try {
          await restore(family, inputFor(await dump(family), family));
          break;
        } catch (error) {
          // Somebody may have changed the rules since they were read.
          if (tries >= limits.forward.rulesTriesMax) throw error;
        }
      }
    }
  };
  const removeFrom = (name: string, tables: ('nat' | 'filter')[]) => change((dumped) => removal(dumped, name, tables));
  const install = async (
    name: string,
    redirects: Redirect[],
    table: 'nat' | 'filter',
    inputFor: (name: string, redirects: Redirect[], family: Family) => string,
  ) => {
    try {
      await change((dumped, family) => {
        const input = inputFor(name, redirects, family);
        // Of a family that has no port any more nothing stays.
        return input === '' ? removal(dumped, name, [table]) : replacement(dumped, input);
      });
    } catch (error) {
      await removeFrom(name, ['nat', 'filter']).catch(() => {});
      throw error;
    }
  };

  return {
    kind,
    protect: (name, redirects) => install(name, redirects, 'filter', protection),
    redirect: (name, redirects) => install(name, redirects, 'nat', redirection),
    stands: async (name, redirects) => {
      for (const family of families) {
        const inputs = [protection, redirection].map((inputFor) => inputFor(name, redirects, family));
        if (inputs.every((input) => input === '')) continue;
        const dumped = await dump(family);
        if (!inputs.every((input) => shows(dumped, input))) return false;
      }
      return true;
    },
    unredirect: (name) => removeFrom(name, ['nat']),
    remove: (name) => removeFrom(name, ['nat', 'filter']),
    found: async () => [...new Set(namesIn((await Promise.all(families.map(dump))).join('\n')))],
  };
}
