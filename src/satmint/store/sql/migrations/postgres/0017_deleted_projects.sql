-- works with 0001
-- When a project was deleted. Its rows go in steps; its own row and its events stay until the events
-- are purged.

ALTER TABLE projects ADD COLUMN deleted_at BIGINT;
