-- works with 0001
-- The ids of the master keys that servers of this database have used, by which a keyring of another
-- database is noticed: see satmint/store/contract/known_keys.py. The keys themselves are never here.

CREATE TABLE known_keys (
    key_id      TEXT NOT NULL PRIMARY KEY,  -- public: the header of every token contains it
    recorded_at BIGINT NOT NULL
);
