import { runSchedules } from './cron/schedule.ts';
import type { Env } from './env.ts';
import { app } from './routes/app.ts';
import type { DeliveryId } from './store/deliveries.ts';
import { deliverBatch } from './webhooks/deliver.ts';

export { TokenMeter } from './auth/token-meter.ts';
export { HostDrain } from './drain/host-drain.ts';
export { FleetAuthority } from './hosts/fleet-authority.ts';
export { HostConnection } from './hosts/host-connection.ts';
export { StackMigration } from './migration/stack-migration.ts';

export default {
  fetch: app.fetch,
  scheduled: (controller, env, ctx) => ctx.waitUntil(runSchedules(env, controller.scheduledTime)),
  queue: deliverBatch,
} satisfies ExportedHandler<Env, DeliveryId>;
