import { limits } from '../../schema/limits.ts';

/**
 * Preloaded into the agents of a flow (`node --import`): bounds that are minutes, days or hours in real use pass while a
 * test looks on. The agents are the real ones, and know nothing of it.
 */
export const impatience = {
  /** Without progress for this long an item fails. */
  reconnectMsMax: 20_000,
  /** More than a certificate lasts, so that each check finds it due. */
  renewBeforeDays: 2 * limits.certificate.hostDaysMax,
  renewCheckMs: 1_500,
};

const { reconnectMsMax, renewBeforeDays, renewCheckMs } = impatience;
Object.assign(limits.stream, { reconnectMsMax });
Object.assign(limits.certificate, { renewBeforeDays });
Object.assign(limits.agent, { renewCheckMs });
