CREATE INDEX `drain_ended` ON `drain` (`ended_at`) WHERE ended_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `node_connected` ON `node` (`id`) WHERE connected = 1;--> statement-breakpoint
CREATE INDEX `node_deleted` ON `node` (`deleted_at`) WHERE deleted_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `stack_of_host` ON `stack` (`home_id`,`name`);--> statement-breakpoint
CREATE INDEX `stack_gone` ON `stack` (`gone_at`) WHERE gone_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `migration_stack_name` ON `migration` (`stack_name`,`id`);--> statement-breakpoint
CREATE INDEX `migration_deadline` ON `migration` (("saga" ->> '$.deadline_at'),`stack_id`) WHERE ("saga" ->> '$.deadline_at') IS NOT NULL;--> statement-breakpoint
CREATE INDEX `migration_ended` ON `migration` (`updated_at`) WHERE ended_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `transition_first` ON `transition` (`at`) WHERE version = 1;