-- How refresh tokens are replayed: counted, and not after the window was found to be over.

ALTER TABLE sessions ADD COLUMN seen_late_generation INTEGER NOT NULL DEFAULT -1; -- newest seen in use late
ALTER TABLE sessions ADD COLUMN replays INTEGER NOT NULL DEFAULT 0; -- of the head's parent
ALTER TABLE sessions ADD COLUMN skew INTEGER NOT NULL DEFAULT 0;    -- always 0 here
