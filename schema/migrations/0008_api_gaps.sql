DROP INDEX `migration_ended`;--> statement-breakpoint
ALTER TABLE `migration` ADD `trimmed` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `migration_to_remind` ON `migration` (("saga" ->> '$.window.ends_at')) WHERE "status" = 'completed' AND ("saga" ->> '$.window.source_purge.done_at') IS NULL AND ("saga" ->> '$.window.reminded_at') IS NULL;--> statement-breakpoint
CREATE INDEX `migration_to_trim` ON `migration` (`updated_at`) WHERE "trimmed" = 0 AND ("status" IN ('failed', 'cancelled')
  OR ("status" = 'completed' AND ("saga" ->> '$.window.source_purge.done_at') IS NOT NULL)
  OR ("status" = 'rolled_back' AND ("saga" ->> '$.window.target_purge.done_at') IS NOT NULL))
  AND ("saga" ->> '$.deadline_at') IS NULL
  AND coalesce(json_array_length("saga", '$.awaiting'), 0) = 0
  AND coalesce(json_array_length("saga", '$.retry'), 0) = 0
  AND coalesce("saga" ->> '$.forwarding.phase', '') NOT IN ('holding', 'forwarding');--> statement-breakpoint
CREATE INDEX `migration_to_forget` ON `migration` (`updated_at`) WHERE ("status" IN ('failed', 'cancelled')
  OR ("status" = 'completed' AND ("saga" ->> '$.window.source_purge.done_at') IS NOT NULL)
  OR ("status" = 'rolled_back' AND ("saga" ->> '$.window.target_purge.done_at') IS NOT NULL))
  AND ("saga" ->> '$.deadline_at') IS NULL
  AND coalesce(json_array_length("saga", '$.awaiting'), 0) = 0
  AND coalesce(json_array_length("saga", '$.retry'), 0) = 0
  AND coalesce("saga" ->> '$.forwarding.phase', '') NOT IN ('holding', 'forwarding');--> statement-breakpoint
DROP INDEX `transition_first`;--> statement-breakpoint
ALTER TABLE `audit` ADD `stack_name` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `host_id` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `target_host_id` text;--> statement-breakpoint
ALTER TABLE `node` ADD `absent_since` integer;--> statement-breakpoint
CREATE INDEX `node_left` ON `node` (`seen_at`) WHERE "kind" = 'host' AND "deleted_at" IS NULL AND "connected" = 0 AND "absent_since" IS NULL;--> statement-breakpoint
CREATE INDEX `node_back` ON `node` (`id`) WHERE "deleted_at" IS NULL AND "connected" = 1 AND "absent_since" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `migration_event_of_fleet` ON `migration_event` (`at`) WHERE substr("migration_id", 1, 4) <> 'mig_';--> statement-breakpoint
UPDATE `audit` SET
  `stack_name` = coalesce((SELECT `stack_name` FROM `migration` WHERE `id` IN (`objects` ->> '$.id', `objects` ->> '$.created')), `objects` ->> '$.name'),
  `host_id` = coalesce(
    (SELECT `source_host_id` FROM `migration` WHERE `id` IN (`objects` ->> '$.id', `objects` ->> '$.created')),
    (SELECT `host_id` FROM `drain` WHERE `id` IN (`objects` ->> '$.id', `objects` ->> '$.created')),
    CASE WHEN `objects` ->> '$.id' LIKE 'host_%' THEN `objects` ->> '$.id' WHEN `objects` ->> '$.created' LIKE 'host_%' THEN `objects` ->> '$.created' END),
  `target_host_id` = (SELECT `target_host_id` FROM `migration` WHERE `id` IN (`objects` ->> '$.id', `objects` ->> '$.created'))
WHERE `id` > (SELECT max(`id`) FROM `audit`) - 20000 AND `objects` <> '{}';
