CREATE TABLE `fleet` (
	`id` integer PRIMARY KEY NOT NULL,
	`fleet_id` text NOT NULL,
	`ca_sha256` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `api_token` ADD `last_used_at` integer;--> statement-breakpoint
ALTER TABLE `node` ADD `connected_from` text;--> statement-breakpoint
ALTER TABLE `node` ADD `leftovers` text;--> statement-breakpoint
CREATE INDEX `migration_incoming` ON `migration` (`target_host_id`) WHERE status IN ('preflight', 'preparing', 'stopping', 'transferring', 'shipping', 'deploying', 'verifying', 'reverting', 'rolling_back', 'needs_attention');