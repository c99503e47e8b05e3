import { limits } from '../../schema/limits.ts';

/**
 * Preloaded into the agents of a flow (`node --import`): bounds that are minutes, hours or days in real use pass while a
 * test looks on. The agents are the real ones, and know nothing of it.
 */
const sections: Record<string, object> = limits;
for (const [section, bounds] of Object.entries(JSON.parse(process.env.TEST_LIMITS ?? '{}')))
  Object.assign(sections[section] ?? {}, bounds);
