-- What an operator recognises an API token by, and when it was last used.

ALTER TABLE api_tokens ADD COLUMN mask TEXT; -- the text without most of it; NULL: not used since this migration
ALTER TABLE api_tokens ADD COLUMN last_used_at INTEGER; -- the hour of the last use, by its start
CREATE INDEX api_tokens_by_time ON api_tokens (project_id, created_at, token_id);
