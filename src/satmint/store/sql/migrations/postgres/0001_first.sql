-- Times are whole Unix seconds. Every primary key begins with the project, by which the tables can
-- be spread over several machines. Names that lists are sorted by compare by code point.
--
-- What is looked up by a primary key on every request has no other index that begins with the project
-- or holds the id: while tables are small, the planner takes any that could do.

CREATE TABLE projects (
    project_id UUID NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    epoch      BIGINT NOT NULL DEFAULT 0,   -- raising it revokes every session opened so far
    revoked_at BIGINT                       -- when it was raised last
);

CREATE TABLE api_tokens (
    project_id  UUID NOT NULL,
    token_id    UUID NOT NULL,
    name        TEXT NOT NULL,
    permissions TEXT NOT NULL,              -- sorted, separated by spaces
    digest      BYTEA NOT NULL,             -- SHA-256; the text is nowhere
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (project_id, token_id)
);
CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (project_id, digest);

CREATE TABLE subscribers (
    project_id    UUID NOT NULL,
    subscriber_id UUID NOT NULL,
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
    epoch         BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (project_id, subscriber_id)
);
CREATE UNIQUE INDEX subscribers_by_reference ON subscribers (reference, project_id);
CREATE UNIQUE INDEX subscribers_by_email ON subscribers (email, project_id);
CREATE INDEX subscribers_by_age ON subscribers (project_id, created_at, subscriber_id)
    WHERE reference IS NOT NULL;

CREATE TABLE addresses (
    project_id    UUID NOT NULL,
    address_id    UUID NOT NULL,
    context       TEXT NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    display_name  TEXT NOT NULL,
    type          TEXT NOT NULL,
    channels      TEXT NOT NULL,            -- sorted, separated by spaces
    subscriber_id UUID,
    locked        BOOLEAN NOT NULL,
    cover_url     TEXT,
    preview_url   TEXT,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (project_id, address_id)
);
CREATE UNIQUE INDEX addresses_by_name ON addresses (project_id, context, name);
CREATE INDEX addresses_by_bare_name ON addresses (project_id, name, address_id);
CREATE INDEX addresses_by_type ON addresses (project_id, type, created_at, address_id);
CREATE INDEX addresses_by_display_name
    ON addresses (project_id, display_name, created_at, address_id);
CREATE INDEX addresses_by_age ON addresses (project_id, created_at, address_id);
CREATE INDEX addresses_by_owner ON addresses (project_id, subscriber_id, created_at, address_id)
    WHERE subscriber_id IS NOT NULL;

CREATE TABLE c2c_tokens (
    project_id  UUID NOT NULL,
    token_id    UUID NOT NULL,
    address_id  UUID NOT NULL,
    name        TEXT NOT NULL,
    digest      BYTEA NOT NULL,             -- SHA-256; the text is nowhere
    origins     TEXT NOT NULL,              -- separated by spaces; empty: any
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT,
    PRIMARY KEY (project_id, token_id)
);
-- Not unique: a table that is spread by project could not enforce it. 96 random bits can.
CREATE INDEX c2c_tokens_by_digest ON c2c_tokens (digest);

-- A rotation changes no indexed column: with room left in each page it stays in its page, and no
-- index is written.
CREATE TABLE sessions (
    project_id      UUID NOT NULL,
    session_id      UUID NOT NULL,
    project_epoch   BIGINT NOT NULL,        -- the project's epoch when it was opened
    subscriber_id   UUID NOT NULL,
    subscriber_epoch BIGINT NOT NULL,       -- the subscriber's epoch when it was opened
    kind            TEXT NOT NULL,
    generation      BIGINT NOT NULL,        -- the head
    head_since      BIGINT NOT NULL,        -- `iat` of the head's tokens
    head_expires_at BIGINT NOT NULL,        -- `exp` of the head's SAT
    seen_generation BIGINT NOT NULL,        -- newest generation seen in use; -1: none
    created_at      BIGINT NOT NULL,
    deadline        BIGINT NOT NULL,        -- no token of the session lives longer
    lives_until     BIGINT NOT NULL,        -- by then all of its tokens are dead
    device_token_at BIGINT,                 -- when it got its last Client Bound SAT
    first_until     BIGINT NOT NULL,        -- by then its first pair is dead
    revoked_at      BIGINT,
    jkt             TEXT,
    address         TEXT NOT NULL,
    agent           TEXT NOT NULL,
    PRIMARY KEY (project_id, session_id)
) WITH (fillfactor = 80);
CREATE INDEX sessions_by_subscriber ON sessions (subscriber_id, created_at);

CREATE TABLE proofs (
    project_id UUID NOT NULL,
    proof      BYTEA NOT NULL,              -- SHA-256 over its key, its target and its `jti`
    request    BYTEA NOT NULL,              -- SHA-256 over all that it was accepted for
    issued_at  BIGINT,                      -- of the grant, where there was one
    expires_at BIGINT,
    resends    BIGINT NOT NULL,
    forget_at  BIGINT NOT NULL,             -- by then it is too old to be accepted anyway
    PRIMARY KEY (project_id, proof)
);
CREATE INDEX proofs_by_end ON proofs (forget_at);

CREATE TABLE events (
    project_id    UUID NOT NULL,
    event_id      BYTEA NOT NULL,           -- UUID version 7: in order of time
    kind          TEXT NOT NULL,
    at            BIGINT NOT NULL,
    subscriber_id UUID,
    session_id    UUID,
    subject_id    UUID,
    generation    BIGINT,
    cause         TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    address       TEXT NOT NULL,
    agent         TEXT NOT NULL,
    PRIMARY KEY (project_id, event_id)
);
-- Events that may have ended sessions, for who holds one that lives.
CREATE INDEX events_that_end ON events (event_id)
    WHERE kind IN ('project_revoked', 'reuse_detected', 'session_revoked', 'subscriber_deleted',
                   'subscriber_revoked');

CREATE TABLE presence (
    project_id    UUID NOT NULL,
    connection_id UUID NOT NULL,            -- one socket, on whichever node
    subscriber_id UUID NOT NULL,
    session_id    UUID NOT NULL,
    since         BIGINT NOT NULL,
    lease_until   BIGINT NOT NULL,          -- by then it is gone, unless its node renews it
    PRIMARY KEY (project_id, connection_id)
);
CREATE INDEX presence_by_subscriber ON presence (project_id, subscriber_id);
CREATE INDEX presence_by_end ON presence (lease_until);

CREATE TABLE webhooks (
    project_id    UUID NOT NULL,
    webhook_id    UUID NOT NULL,
    url           TEXT NOT NULL,
    sealed_secret TEXT NOT NULL,            -- by the keyring
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (project_id, webhook_id)
);

-- The outbox: events on their way to webhooks.
CREATE TABLE deliveries (
    project_id UUID NOT NULL,
    webhook_id UUID NOT NULL,
    event_id   BYTEA NOT NULL,
    next_at    BIGINT NOT NULL,             -- when to try next; while one tries, when it has failed
    attempts   BIGINT NOT NULL,
    PRIMARY KEY (project_id, webhook_id, event_id)
);
CREATE INDEX deliveries_by_time ON deliveries (next_at);
