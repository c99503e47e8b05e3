import { join } from 'node:path';
import { z } from 'zod';
import { hostPrivileges } from '../../schema/facts.ts';
import { limits } from '../../schema/limits.ts';
import { nodeDisk } from '../disk.ts';

/** The host's owner lets one stack from one source have a power here. */
const permission = z.object({
  stack: z.string(),
  /** The source's id, as in its certificate. */
  from: z.string(),
  power: z.enum(hostPrivileges),
  /** What of it (`exactly`); null for all. */
  exactly: z.string().nullable(),
});
export type Permission = z.infer<typeof permission>;

const content = z.object({ permissions: z.array(permission).max(limits.agent.permissionsMax) });

export const permissionFile = (stateDir: string): string => join(stateDir, 'allowed.json');

/** `fault`: why the file can't be used, and so allows nothing; null if it can. */
export async function readPermissions(stateDir: string): Promise<{ permissions: Permission[]; fault: string | null }> {
  const path = permissionFile(stateDir);
  try {
    const text = await nodeDisk.read(path);
    return { permissions: text === null ? [] : content.parse(JSON.parse(text)).permissions, fault: null };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code ? `can't be read (${code})` : 'is damaged';
    return {
      permissions: [],
      fault: `${path} ${why}, so it allows nothing: remove it, and allow again what is needed.`,
    };
  }
}

/** Only the owner can read the file. Throws file system errors. */
export async function writePermissions(stateDir: string, permissions: Permission[]): Promise<void> {
  await nodeDisk.replace(permissionFile(stateDir), `${JSON.stringify({ permissions }, null, 2)}\n`);
}
