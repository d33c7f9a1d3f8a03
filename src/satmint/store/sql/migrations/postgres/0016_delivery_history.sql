-- works with 0001
-- What became of deliveries: the last attempt of those that wait, and a history of the others.

ALTER TABLE deliveries ADD COLUMN attempted_at BIGINT NOT NULL DEFAULT 0; -- when an attempt ended
ALTER TABLE deliveries ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN status BIGINT;
ALTER TABLE deliveries ADD COLUMN latency_ms BIGINT;
ALTER TABLE deliveries ADD COLUMN response TEXT NOT NULL DEFAULT '';

-- The key has the state before the event, so that the newest of each state are found by it.
CREATE TABLE delivery_history (
    project_id   UUID NOT NULL,
    webhook_id   UUID NOT NULL,
    state        TEXT NOT NULL,
    event_id     BYTEA NOT NULL,
    attempts     BIGINT NOT NULL,
    attempted_at BIGINT NOT NULL,
    error        TEXT NOT NULL,
    status       BIGINT,
    latency_ms   BIGINT,
    response     TEXT NOT NULL,
    PRIMARY KEY (project_id, webhook_id, state, event_id)
);

ALTER TABLE webhooks ADD COLUMN paused_at BIGINT NOT NULL DEFAULT 0; -- by an operator
-- Whether a message was signed with its secret, which a repeated request then does not get again.
ALTER TABLE webhooks ADD COLUMN secret_used BOOLEAN NOT NULL DEFAULT FALSE;
