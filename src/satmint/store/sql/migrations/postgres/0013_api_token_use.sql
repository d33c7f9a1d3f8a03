-- works with 0001
-- What an operator recognises an API token by, and when it was last used. Servers of the previous
-- release write neither.

ALTER TABLE api_tokens ADD COLUMN mask TEXT; -- the text without most of it; NULL: not used since this migration
ALTER TABLE api_tokens ADD COLUMN last_used_at BIGINT; -- the hour of the last use, by its start
CREATE INDEX api_tokens_by_time ON api_tokens (project_id, created_at, token_id);
