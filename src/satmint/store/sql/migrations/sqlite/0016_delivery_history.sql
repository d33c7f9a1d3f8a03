-- What became of deliveries: the last attempt of those that wait, and a history of the others.

ALTER TABLE deliveries ADD COLUMN attempted_at INTEGER NOT NULL DEFAULT 0; -- when an attempt ended
ALTER TABLE deliveries ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN status INTEGER;
ALTER TABLE deliveries ADD COLUMN latency_ms INTEGER;
ALTER TABLE deliveries ADD COLUMN response TEXT NOT NULL DEFAULT '';

-- The key has the state before the event, so that the newest of each state are found by it.
CREATE TABLE delivery_history (
    project_id   BLOB NOT NULL,
    webhook_id   BLOB NOT NULL,
    state        TEXT NOT NULL,
    event_id     BLOB NOT NULL,
    attempts     INTEGER NOT NULL,
    attempted_at INTEGER NOT NULL,
    error        TEXT NOT NULL,
    status       INTEGER,
    latency_ms   INTEGER,
    response     TEXT NOT NULL,
    PRIMARY KEY (project_id, webhook_id, state, event_id)
) STRICT, WITHOUT ROWID;

ALTER TABLE webhooks ADD COLUMN paused_at INTEGER NOT NULL DEFAULT 0; -- by an operator
-- Whether a message was signed with its secret, which a repeated request then does not get again.
ALTER TABLE webhooks ADD COLUMN secret_used INTEGER NOT NULL DEFAULT 0;
