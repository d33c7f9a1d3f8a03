-- works with 0001
-- How a copy of this database is recognised: see satmint/model/incarnation.py. Neither table belongs
-- to a project.

CREATE TABLE incarnation (
    singleton      BIGINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    incarnation_id UUID NOT NULL,
    number         BIGINT NOT NULL,         -- from 1
    began_at       BIGINT NOT NULL,
    location       TEXT NOT NULL            -- where the database was when it began
);

CREATE TABLE marks (
    mark_id     UUID NOT NULL PRIMARY KEY,  -- of one machine
    digest      BYTEA NOT NULL,             -- SHA-256; the secret is in a file of the machine
    previous    BYTEA NOT NULL,             -- that of the secret before
    replaced_at BIGINT NOT NULL
);
