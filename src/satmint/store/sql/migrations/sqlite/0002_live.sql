-- Client Bound SATs, live sessions and webhooks.

ALTER TABLE sessions ADD COLUMN device_token_at INTEGER; -- when it got its last Client Bound SAT
ALTER TABLE sessions ADD COLUMN first_until INTEGER;     -- by then its first pair is dead
ALTER TABLE sessions ADD COLUMN subscriber_epoch INTEGER; -- the subscriber's when it was opened
UPDATE sessions
   SET subscriber_epoch = (SELECT epoch FROM subscribers
                            WHERE subscribers.project_id = sessions.project_id
                              AND subscribers.subscriber_id = sessions.subscriber_id);

-- A holder may ask for addresses by name and type: never by looking at all of a project's.
CREATE INDEX addresses_by_bare_name ON addresses (project_id, name, address_id);
CREATE INDEX addresses_by_type ON addresses (project_id, type, created_at, address_id);
CREATE INDEX addresses_by_display_name
    ON addresses (project_id, display_name, created_at, address_id);
-- A holder's own by age, without sorting them.
DROP INDEX addresses_by_owner;
CREATE INDEX addresses_by_owner ON addresses (project_id, subscriber_id, created_at, address_id)
    WHERE subscriber_id IS NOT NULL;

CREATE TABLE proofs (
    project_id BLOB NOT NULL,
    proof      BLOB NOT NULL,               -- SHA-256 over its key, its target and its `jti`
    request    BLOB NOT NULL,               -- SHA-256 over all that it was accepted for
    issued_at  INTEGER,                     -- of the grant, where there was one
    expires_at INTEGER,
    resends    INTEGER NOT NULL,
    forget_at  INTEGER NOT NULL,            -- by then it is too old to be accepted anyway
    PRIMARY KEY (project_id, proof)
) STRICT, WITHOUT ROWID;
CREATE INDEX proofs_by_end ON proofs (forget_at);

-- Events that may have ended sessions, for who holds one that lives; all others cost nothing here.
CREATE INDEX events_that_end ON events (event_id)
    WHERE kind IN ('project_revoked', 'reuse_detected', 'session_revoked', 'subscriber_deleted',
                   'subscriber_revoked');

CREATE TABLE presence (
    project_id    BLOB NOT NULL,
    connection_id BLOB NOT NULL,            -- one socket of the gateway, on whichever node
    subscriber_id BLOB NOT NULL,
    session_id    BLOB NOT NULL,
    since         INTEGER NOT NULL,
    lease_until   INTEGER NOT NULL,         -- by then it is gone, unless its node renews it
    PRIMARY KEY (project_id, connection_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX presence_by_subscriber ON presence (project_id, subscriber_id);
CREATE INDEX presence_by_end ON presence (lease_until);

CREATE TABLE webhooks (
    project_id    BLOB NOT NULL,
    webhook_id    BLOB NOT NULL,
    url           TEXT NOT NULL,
    sealed_secret TEXT NOT NULL,            -- by the keyring
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (project_id, webhook_id)
) STRICT, WITHOUT ROWID;

-- The outbox: events on their way to webhooks.
CREATE TABLE deliveries (
    project_id BLOB NOT NULL,
    webhook_id BLOB NOT NULL,
    event_id   BLOB NOT NULL,
    next_at    INTEGER NOT NULL,            -- when to try next; while one tries, when it has failed
    attempts   INTEGER NOT NULL,
    PRIMARY KEY (project_id, webhook_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_by_time ON deliveries (next_at);
