import type { CommandHandler } from '../runner/context.ts';

/** Dials the lanes to come in the background, as the source does while it stops the stack. */
export const expectSource: CommandHandler<'expect_source'> = async ({ peer, lanes }, context) => {
  for (const lane of lanes) context.lanes.dialEarly('target', { migrationId: context.migrationId, peer, lane });
  return {};
};
