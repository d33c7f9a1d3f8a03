-- Who made an invite, by which Click-to-Call token a visitor came, and the deletion of addresses.

ALTER TABLE sessions ADD COLUMN inviter_id BLOB;         -- an invite's: the subscriber that made it
ALTER TABLE sessions ADD COLUMN inviter_session_id BLOB; -- and that subscriber's session
ALTER TABLE sessions ADD COLUMN c2c_token_id BLOB;       -- an embed visitor's Click-to-Call token
-- The unexpired invites of one session. No column of it ever changes, so a rotation does not
-- write it.
CREATE INDEX sessions_by_inviter ON sessions (project_id, inviter_session_id, first_until)
    WHERE inviter_session_id IS NOT NULL;

DROP INDEX events_that_end;
CREATE INDEX events_that_end ON events (event_id)
    WHERE kind IN ('address_deleted', 'project_revoked', 'reuse_detected', 'session_revoked',
                   'subscriber_deleted', 'subscriber_revoked');
