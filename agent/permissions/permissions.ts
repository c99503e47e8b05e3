import type { HostPrivilege } from '../../schema/facts.ts';
import { allowLine } from './allow-line.ts';
import type { Arriving, Asked } from './asked.ts';
import { exactly } from './exactly.ts';
import { readPermissions } from './permission-file.ts';

/** The one place that decides which powers an arriving stack may have on this host. */
export interface Permissions {
  /** Reads what the host's owner allows, afresh each time: it may have been taken back. */
  of(stack: Arriving): Promise<Permitted>;
}

export interface Permitted {
  has(asked: Asked): boolean;
  /** The command that allows exactly these; null if none can. */
  allowLine(refused: Asked[]): string | null;
  /** Why the owner's file allows nothing; null if it can be used. */
  fault: string | null;
}

/** `allow`: what every stack may have. `command`: how this agent's program is called on this host. */
export function createPermissions(options: {
  stateDir: string;
  allow: readonly HostPrivilege[];
  command: string[];
}): Permissions {
  const { stateDir, allow, command } = options;
  return {
    of: async (stack) => {
      const { permissions, fault } = await readPermissions(stateDir);
      const own = permissions.filter(({ stack: project, from }) => project === stack.project && from === stack.source);
      return {
        has: (asked) =>
          allow.includes(asked.power) ||
          own.some((one) => one.power === asked.power && (one.exactly === null || one.exactly === exactly(asked))),
        allowLine: (refused) => allowLine(command, stateDir, stack, refused),
        fault,
      };
    },
  };
}

/** What to do about these, for the message of a refusal; begins with a space. */
export function remedy(permitted: Permitted, refused: Asked[]): string {
  const line = permitted.allowLine(refused);
  const flags = [...new Set(refused.map(({ power }) => power))].join(',');
  const what = line ? `run as root on this host: \`${line}\`` : `start this host’s agent with --allow ${flags}.`;
  return `${permitted.fault === null ? '' : ` ${permitted.fault}`} To let it in, ${what}`;
}
