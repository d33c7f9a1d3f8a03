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
CREATE INDEX addresses_by_owner ON addresses (project_id, subscriber_id)
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
    revoked_at      INTEGER,
    jkt             TEXT,
    address         TEXT NOT NULL,
    agent           TEXT NOT NULL,
    PRIMARY KEY (project_id, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_subscriber ON sessions (project_id, subscriber_id, created_at, session_id);

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
