-- The generation that `skew` and `replays` are of; those of another one count as 0.

ALTER TABLE sessions ADD COLUMN measured_generation INTEGER NOT NULL DEFAULT -1;
