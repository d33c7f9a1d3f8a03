-- What is known of a webhook's endpoint; the outbox is visited by webhook, not by time.

ALTER TABLE webhooks ADD COLUMN state TEXT NOT NULL DEFAULT 'new';
ALTER TABLE webhooks ADD COLUMN state_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN last_error TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN last_error_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN next_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN set_at INTEGER NOT NULL DEFAULT 0; -- when next_at was set

ALTER TABLE deliveries ADD COLUMN set_at INTEGER NOT NULL DEFAULT 0; -- when next_at was set
DROP INDEX deliveries_by_time;
CREATE INDEX deliveries_by_webhook ON deliveries (project_id, webhook_id, next_at, event_id);
CREATE INDEX deliveries_by_set ON deliveries (set_at);
