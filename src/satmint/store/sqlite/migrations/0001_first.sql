-- Ids are the 16 bytes of a UUID. Times are whole Unix seconds. Every primary key begins with the
-- project, by which the same schema can be spread over several machines elsewhere.

CREATE TABLE projects (
    project_id BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    epoch      INTEGER NOT NULL DEFAULT 0,  -- raising it revokes every session opened so far
    revoked_at INTEGER                      -- when it was raised last
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
    project_id  BLOB NOT NULL,
    token_id    BLOB NOT NULL,
    name        TEXT NOT NULL,
    permissions TEXT NOT NULL,              -- sorted, separated by spaces
    digest      BLOB NOT NULL,              -- SHA-256; the text is nowhere
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (project_id, token_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (project_id, digest);

CREATE TABLE subscribers (
    project_id    BLOB NOT NULL,
    subscriber_id BLOB NOT NULL,
    kind          TEXT NOT NULL,
    reference     TEXT,                     -- NULL for the temporary ones
    email         TEXT,
    password_hash TEXT,                     -- argon2id
    first_name    TEXT,
    last_name     TEXT,
    display_name  TEXT,
    job_title     TEXT,
    time_zone     TEXT,
    country       TEXT,
    region        TEXT,
    company_name  TEXT,
    epoch         INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (project_id, subscriber_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX subscribers_by_reference ON subscribers (project_id, reference)
    WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX subscribers_by_email ON subscribers (project_id, email)
    WHERE email IS NOT NULL;
CREATE INDEX subscribers_by_age ON subscribers (project_id, created_at, subscriber_id)
    WHERE reference IS NOT NULL;

CREATE TABLE addresses (
    project_id    BLOB NOT NULL,
    address_id    BLOB NOT NULL,
    context       TEXT NOT NULL,
    name          TEXT NOT NULL,
    display_name  TEXT NOT NULL,
    type          TEXT NOT NULL,
    channels      TEXT NOT NULL,            -- sorted, separated by spaces
    subscriber_id BLOB,
    locked        INTEGER NOT NULL DEFAULT 0,
    cover_url     TEXT,
    preview_url   TEXT,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (project_id, address_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX addresses_by_name ON addresses (project_id, context, name);
CREATE INDEX addresses_by_age ON addresses (project_id, created_at, address_id);
CREATE INDEX addresses_by_owner ON addresses (project_id, subscriber_id, created_at, address_id)
    WHERE subscriber_id IS NOT NULL;

CREATE TABLE c2c_tokens (
    project_id  BLOB NOT NULL,
    token_id    BLOB NOT NULL,
    address_id  BLOB NOT NULL,
    name        TEXT NOT NULL,
    digest      BLOB NOT NULL,              -- SHA-256; the text is nowhere
    origins     TEXT NOT NULL,              -- separated by spaces; empty: any
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER,
    PRIMARY KEY (project_id, token_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX c2c_tokens_by_digest ON c2c_tokens (digest);

CREATE TABLE sessions (
    project_id      BLOB NOT NULL,
    session_id      BLOB NOT NULL,
    project_epoch   INTEGER NOT NULL,       -- the project's epoch when it was opened
    subscriber_id   BLOB NOT NULL,
    kind            TEXT NOT NULL,
    generation      INTEGER NOT NULL,       -- the head
    head_since      INTEGER NOT NULL,       -- `iat` of the head's tokens
    head_expires_at INTEGER NOT NULL,       -- `exp` of the head's SAT
    seen_generation INTEGER NOT NULL,       -- newest generation seen in use; -1: none
    created_at      INTEGER NOT NULL,
    deadline        INTEGER NOT NULL,       -- no token of the session lives longer
    lives_until     INTEGER NOT NULL,       -- by then all of its tokens are dead
    device_token_at INTEGER,                -- when it got its last Client Bound SAT
    revoked_at      INTEGER,
    jkt             TEXT,
    address         TEXT NOT NULL,
    agent           TEXT NOT NULL,
    PRIMARY KEY (project_id, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_subscriber ON sessions (project_id, subscriber_id, created_at, session_id);

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

CREATE TABLE events (
    project_id    BLOB NOT NULL,
    event_id      BLOB NOT NULL,            -- UUID version 7: in order of time
    kind          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    subscriber_id BLOB,
    session_id    BLOB,
    subject_id    BLOB,
    generation    INTEGER,
    cause         TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    address       TEXT NOT NULL,
    agent         TEXT NOT NULL,
    PRIMARY KEY (project_id, event_id)
) STRICT, WITHOUT ROWID;
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
