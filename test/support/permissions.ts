import { createPermissions } from '../../agent/permissions/permissions.ts';
import type { HostPrivilege } from '../../schema/facts.ts';

/** An agent that was started with these powers for every stack, and whose owner has allowed no single one anything. */
export const startedWith = (...allow: HostPrivilege[]) =>
  createPermissions({ stateDir: '/absent', allow, command: ['stackferry', 'agent'] });
