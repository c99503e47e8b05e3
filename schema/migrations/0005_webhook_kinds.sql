ALTER TABLE `webhook_endpoint` ADD `kind` text DEFAULT 'standard' NOT NULL;--> statement-breakpoint
ALTER TABLE `webhook_endpoint` ADD `email` text;--> statement-breakpoint
ALTER TABLE `webhook_endpoint` ADD `origin` text;