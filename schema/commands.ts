import { z } from 'zod';
import { clientCommands } from './commands/clients.ts';
import { id } from './commands/parts.ts';
import { recordCommands } from './commands/records.ts';
import { safetyWindowCommands } from './commands/safety-window.ts';
import { sourceCommands } from './commands/source.ts';
import { targetCommands } from './commands/target.ts';

/**
 * What the control plane has a host change, and what the host answers (see `agent-protocol.ts`): kind → payload and result. A
 * new field needs a `.default()`: agents and sagas of the previous release are read.
 */
export const commandKinds = {
  ...sourceCommands,
  ...targetCommands,
  ...safetyWindowCommands,
  ...clientCommands,
  ...recordCommands,
} as const;
export type CommandKind = keyof typeof commandKinds;
export type CommandPayload<K extends CommandKind> = z.infer<(typeof commandKinds)[K]['payload']>;
export type CommandResult<K extends CommandKind> = z.infer<(typeof commandKinds)[K]['result']>;
export const commandKindNames = Object.keys(commandKinds) as [CommandKind, ...CommandKind[]];

export const command = z.object({
  type: z.literal('command'),
  id,
  migration_id: id,
  epoch: z.number().int().positive(),
  kind: z.enum(commandKindNames),
  /** Checked against `commandKinds[kind].payload` by the receiver. */
  payload: z.unknown(),
  /** Of the request that caused it: the same in the logs of control plane and hosts. */
  trace_id: id.nullable().default(null),
});
export type Command = z.infer<typeof command>;
