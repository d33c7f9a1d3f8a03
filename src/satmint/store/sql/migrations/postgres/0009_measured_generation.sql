-- works with 0001
-- A server of version 0.1.0 rotates without writing `skew` and `replays`: those of another generation
-- than this one are left over, and count as 0.

ALTER TABLE sessions ADD COLUMN measured_generation BIGINT NOT NULL DEFAULT -1;
