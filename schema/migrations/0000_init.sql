CREATE TABLE `api_token` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`hash` text NOT NULL,
	`scopes` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_token_hash_unique` ON `api_token` (`hash`);--> statement-breakpoint
CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`request_id` text NOT NULL,
	`actor_kind` text NOT NULL,
	`actor_id` text NOT NULL,
	`actor_name` text NOT NULL,
	`act` text NOT NULL,
	`objects` text NOT NULL,
	`status` integer NOT NULL,
	`code` text,
	`address` text
);
--> statement-breakpoint
CREATE INDEX `audit_actor` ON `audit` (`actor_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_act` ON `audit` (`act`,`id`);--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit` (`at`);--> statement-breakpoint
CREATE TABLE `command` (
	`id` text PRIMARY KEY NOT NULL,
	`migration_id` text NOT NULL,
	`host_id` text NOT NULL,
	`epoch` integer NOT NULL,
	`kind` text NOT NULL,
	`payload` text NOT NULL,
	`created_at` integer NOT NULL,
	`closed_at` integer
);
--> statement-breakpoint
CREATE INDEX `command_open` ON `command` (`host_id`,`created_at`) WHERE closed_at IS NULL;--> statement-breakpoint
CREATE INDEX `command_migration` ON `command` (`migration_id`);--> statement-breakpoint
CREATE TABLE `drain` (
	`id` text PRIMARY KEY NOT NULL,
	`host_id` text NOT NULL,
	`status` text NOT NULL,
	`version` integer NOT NULL,
	`run` text NOT NULL,
	`requested_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `drain_one_active_per_host` ON `drain` (`host_id`) WHERE status IN ('running', 'paused', 'aborting');--> statement-breakpoint
CREATE INDEX `drain_host` ON `drain` (`host_id`,`id`);--> statement-breakpoint
CREATE INDEX `drain_status` ON `drain` (`status`,`id`);--> statement-breakpoint
CREATE TABLE `drain_transition` (
	`drain_id` text NOT NULL,
	`version` integer NOT NULL,
	`nonce` text NOT NULL,
	`event` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`drain_id`, `version`)
);
--> statement-breakpoint
CREATE TABLE `idempotency` (
	`token_id` text NOT NULL,
	`route` text NOT NULL,
	`key_hash` text NOT NULL,
	`fingerprint` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`answer` text,
	PRIMARY KEY(`token_id`, `route`, `key_hash`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_expires` ON `idempotency` (`expires_at`);--> statement-breakpoint
CREATE TABLE `migration` (
	`id` text PRIMARY KEY NOT NULL,
	`stack_id` text NOT NULL,
	`stack_name` text NOT NULL,
	`source_host_id` text NOT NULL,
	`target_host_id` text NOT NULL,
	`mode` text NOT NULL,
	`sizing` text NOT NULL,
	`accept_unmoved` integer NOT NULL,
	`callback_url` text,
	`bandwidth_limit` integer,
	`drain_id` text,
	`status` text NOT NULL,
	`version` integer NOT NULL,
	`saga` text NOT NULL,
	`report` text,
	`failure` text,
	`requested_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `migration_one_active_per_stack` ON `migration` (`stack_id`) WHERE status IN ('preflight', 'preparing', 'stopping', 'transferring', 'shipping', 'deploying', 'verifying', 'reverting', 'rolling_back', 'needs_attention');--> statement-breakpoint
CREATE UNIQUE INDEX `migration_of_drain` ON `migration` (`drain_id`,`stack_id`) WHERE drain_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `migration_status` ON `migration` (`status`,`id`);--> statement-breakpoint
CREATE INDEX `migration_stack` ON `migration` (`stack_id`,`id`);--> statement-breakpoint
CREATE INDEX `migration_source` ON `migration` (`source_host_id`,`id`);--> statement-breakpoint
CREATE INDEX `migration_target` ON `migration` (`target_host_id`,`id`);--> statement-breakpoint
CREATE TABLE `migration_event` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`migration_id` text NOT NULL,
	`kind` text NOT NULL,
	`at` integer NOT NULL,
	`data` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `migration_event_migration` ON `migration_event` (`migration_id`,`id`);--> statement-breakpoint
CREATE TABLE `node` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`join_token_hash` text,
	`join_token_expires_at` integer,
	`joined_at` integer,
	`join_key_sha256` text,
	`certificate_serial` text,
	`certificate_serial_before` text,
	`certificate_ends_at` integer,
	`created_at` integer NOT NULL,
	`deleted_at` integer,
	`revocation_owed` integer DEFAULT false NOT NULL,
	`cloned_at` integer,
	`seen_at` integer,
	`connected` integer DEFAULT false NOT NULL,
	`agent_version` text,
	`address` text,
	`resources` text,
	`cordoned_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `node_join_token_hash_unique` ON `node` (`join_token_hash`);--> statement-breakpoint
CREATE UNIQUE INDEX `node_name` ON `node` (`kind`,`name`) WHERE deleted_at IS NULL;--> statement-breakpoint
CREATE INDEX `node_kind` ON `node` (`kind`,`id`);--> statement-breakpoint
CREATE INDEX `node_revocation_owed` ON `node` (`id`) WHERE revocation_owed = 1;--> statement-breakpoint
CREATE TABLE `seen_token` (
	`jti` text PRIMARY KEY NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `stack` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`home_id` text NOT NULL,
	`summary` text NOT NULL,
	`created_at` integer NOT NULL,
	`seen_at` integer NOT NULL,
	`gone_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stack_home` ON `stack` (`name`,`home_id`);--> statement-breakpoint
CREATE INDEX `stack_name` ON `stack` (`name`,`id`);--> statement-breakpoint
CREATE TABLE `transition` (
	`migration_id` text NOT NULL,
	`version` integer NOT NULL,
	`nonce` text NOT NULL,
	`event` text NOT NULL,
	`from_status` text NOT NULL,
	`to_status` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`migration_id`, `version`)
);
--> statement-breakpoint
CREATE TABLE `ui_session` (
	`hash` text PRIMARY KEY NOT NULL,
	`token_id` text NOT NULL,
	`sealed_token` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `ui_session_token` ON `ui_session` (`token_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `ui_session_expires` ON `ui_session` (`expires_at`);--> statement-breakpoint
CREATE TABLE `webhook_delivery` (
	`endpoint_id` text NOT NULL,
	`event_id` text NOT NULL,
	`status` text DEFAULT 'pending' NOT NULL,
	`next_attempt_at` integer,
	`attempts` integer DEFAULT 0 NOT NULL,
	`tries` integer DEFAULT 0 NOT NULL,
	`ended_at` integer,
	`last` text,
	PRIMARY KEY(`endpoint_id`, `event_id`)
);
--> statement-breakpoint
CREATE INDEX `webhook_delivery_due` ON `webhook_delivery` (`next_attempt_at`) WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX `webhook_delivery_event` ON `webhook_delivery` (`event_id`);--> statement-breakpoint
CREATE INDEX `webhook_delivery_ended` ON `webhook_delivery` (`ended_at`) WHERE ended_at IS NOT NULL;--> statement-breakpoint
CREATE TABLE `webhook_endpoint` (
	`id` text PRIMARY KEY NOT NULL,
	`url` text NOT NULL,
	`events` text,
	`migration_id` text,
	`secret_name` text NOT NULL,
	`secret_generation` integer DEFAULT 1 NOT NULL,
	`secret_before_until` integer,
	`created_at` integer NOT NULL,
	`disabled_at` integer,
	`disabled_why` text
);
--> statement-breakpoint
CREATE INDEX `webhook_endpoint_migration` ON `webhook_endpoint` (`migration_id`,`id`);--> statement-breakpoint
CREATE TABLE `webhook_event` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`subject_id` text NOT NULL,
	`at` integer NOT NULL,
	`payload` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `webhook_event_subject` ON `webhook_event` (`subject_id`,`id`);--> statement-breakpoint
CREATE INDEX `webhook_event_at` ON `webhook_event` (`at`);