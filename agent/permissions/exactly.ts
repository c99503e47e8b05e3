import type { Asked } from './asked.ts';

/**
 * Returns what exactly is asked for, in one form for the file on the source, the file that arrived and the created
 * container; null if the power has no degrees.
 */
export function exactly({ power, detail }: Asked): string | null {
  switch (power) {
    case 'cap_add':
      return detail.toUpperCase().replace(/^CAP_/, '');
    case 'devices':
      return detail.startsWith('/') ? detail.replace(/:.*/s, '') : detail;
    case 'security_opt':
      return securityOption(detail.replace(/[:=]/, '='));
    case 'host_path':
      // Who else uses a volume may change until the stack arrives.
      return /^volume [\w.-]+/.exec(detail)?.[0] ?? detail;
    default:
      return null;
  }
}

/** The engine has the profile itself where the file has its path. */
const securityOption = (option: string): string =>
  option.startsWith('seccomp=') && !/^seccomp=(unconfined|builtin)$/.test(option) ? 'seccomp=profile' : option;
