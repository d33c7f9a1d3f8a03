-- works with 0001
-- How refresh tokens are replayed: counted, not after the window was found to be over, and by the
-- database's clock. A server that does not know these columns leaves them as they are.

ALTER TABLE sessions ADD COLUMN seen_late_generation BIGINT NOT NULL DEFAULT -1; -- newest seen in use late
ALTER TABLE sessions ADD COLUMN replays BIGINT NOT NULL DEFAULT 0; -- of the head's parent
ALTER TABLE sessions ADD COLUMN skew BIGINT NOT NULL DEFAULT 0;    -- at the rotation: this clock less `head_since`
