-- Requests with an idempotency key that made something: see satmint/model/idempotency.py. Neither
-- the key nor the body is here, nor any secret that the request made.

CREATE TABLE keyed_requests (
    project_id     BLOB NOT NULL,
    key_digest     BLOB NOT NULL,
    request_digest BLOB NOT NULL,
    master_key     TEXT NOT NULL,
    salt           BLOB NOT NULL,
    resource_id    BLOB NOT NULL,
    forget_at      INTEGER NOT NULL,
    PRIMARY KEY (project_id, key_digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX keyed_requests_by_end ON keyed_requests (forget_at);

-- Whether the text of the token may still be made again for a repeated request.
ALTER TABLE api_tokens ADD COLUMN unused INTEGER NOT NULL DEFAULT 0;
