import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { releasedOnFailure } from './released-on-failure.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Passes over each volume of the running stack. What is remembered of them makes the copy after the stop a short one. */
export const warmSource: CommandHandler<'warm_source'> = async ({ project, peer, items, blocks }, context) => {
  const { engine, ledger, migrationId } = context;
  const sizes = ledger.find(migrationId)?.sizes ?? {};
  const warm = warmCopiesOf(engine);
  const carrying = () =>
    carryLanes(
      { project, role: 'source', peer },
      items.map(({ lane, volume }) => ({
        lane,
        total: sizes[volume] ?? null,
        carry: async (end) => {
          const { passes } = await warm.source(volume, migrationId, blocks);
          return context.lanes.send({ ...end, source: passes });
        },
      })),
      context,
    );
  const passages = await releasedOnFailure(context, carrying);
  const passes = items.map(async ({ volume }) => {
    const report = (await warm.source(volume, migrationId, blocks)).report();
    return { volume, bytes: report.map(({ bytes }) => bytes), ms: report.map(({ ms }) => Math.round(ms)) };
  });
  return { passages, passes: await Promise.all(passes) };
};
