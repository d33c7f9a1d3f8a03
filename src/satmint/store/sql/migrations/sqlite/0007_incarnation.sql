-- How a copy of this database is recognised: see satmint/model/incarnation.py. Neither table belongs
-- to a project.

CREATE TABLE incarnation (
    singleton      INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    incarnation_id BLOB NOT NULL,
    number         INTEGER NOT NULL,        -- from 1
    began_at       INTEGER NOT NULL,
    location       TEXT NOT NULL            -- where the database was when it began
) STRICT;

CREATE TABLE marks (
    mark_id     BLOB NOT NULL PRIMARY KEY,  -- of one machine
    digest      BLOB NOT NULL,              -- SHA-256; the secret is in a file of the machine
    previous    BLOB NOT NULL,              -- that of the secret before
    replaced_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
