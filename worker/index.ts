import { app } from './app.ts';
import { runSchedules } from './cron/schedule.ts';
import type { DeliveryId, Env } from './env.ts';
import { deliverBatch } from './webhooks/deliver.ts';

export { FleetAuthority } from './objects/fleet-authority/fleet-authority.ts';
export { HostConnection } from './objects/host-connection/host-connection.ts';
export { HostDrain } from './objects/host-drain/host-drain.ts';
export { StackMigration } from './objects/stack-migration/stack-migration.ts';
export { TokenMeter } from './objects/token-meter/token-meter.ts';

export default {
  fetch: app.fetch,
  scheduled: (controller, env, ctx) => ctx.waitUntil(runSchedules(env, controller.scheduledTime)),
  queue: deliverBatch,
} satisfies ExportedHandler<Env, DeliveryId>;
