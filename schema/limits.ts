import { accessLimits } from './limits/access.ts';
import { agentLimits } from './limits/agent.ts';
import { cliLimits } from './limits/cli.ts';
import { controlPlaneLimits } from './limits/control-plane.ts';
import { forwardLimits } from './limits/forward.ts';
import { migrationLimits } from './limits/migration.ts';
import { nameLimits } from './limits/names.ts';
import { notificationLimits } from './limits/notification.ts';
import { transferLimits } from './limits/transfer.ts';

/** Every bound on a wait, queue, buffer or retry. Names carry their unit. */
export const limits = {
  ...migrationLimits,
  ...controlPlaneLimits,
  ...accessLimits,
  ...notificationLimits,
  ...transferLimits,
  ...forwardLimits,
  ...nameLimits,
  ...agentLimits,
  ...cliLimits,
} as const;
