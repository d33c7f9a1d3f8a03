-- works with 0001
-- Requests with an idempotency key that made something: see satmint/model/idempotency.py. Neither
-- the key nor the body is here, nor any secret that the request made.

CREATE TABLE keyed_requests (
    project_id     UUID NOT NULL,
    key_digest     BYTEA NOT NULL,
    request_digest BYTEA NOT NULL,
    master_key     TEXT NOT NULL,
    salt           BYTEA NOT NULL,
    resource_id    UUID NOT NULL,
    forget_at      BIGINT NOT NULL,
    PRIMARY KEY (project_id, key_digest)
);

CREATE INDEX keyed_requests_by_end ON keyed_requests (forget_at);

-- Whether the text of the token may still be made again for a repeated request.
ALTER TABLE api_tokens ADD COLUMN unused BOOLEAN NOT NULL DEFAULT FALSE;
