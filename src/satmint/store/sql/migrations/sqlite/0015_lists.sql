-- Lists of a project's sessions, and filters of its events: see docs/adr/0022-bounded-lists.md.
-- A rotation changes no column of these indexes of sessions, and its event is in none of those of
-- events.

CREATE INDEX sessions_by_age ON sessions (project_id, created_at, session_id);
CREATE INDEX sessions_by_key ON sessions (project_id, jkt, created_at, session_id)
    WHERE jkt IS NOT NULL;
CREATE INDEX sessions_by_address ON sessions (project_id, address, created_at, session_id);

ALTER TABLE events ADD COLUMN reference TEXT; -- of a subscriber that was deleted with this event
CREATE INDEX events_by_kind ON events (project_id, kind, position, event_id)
    WHERE kind NOT IN ('device_token_issued', 'issued', 'refreshed');
CREATE INDEX events_by_session ON events (project_id, session_id, position, event_id)
    WHERE session_id IS NOT NULL AND kind NOT IN ('device_token_issued', 'refreshed');
CREATE INDEX events_by_subscriber ON events (project_id, subscriber_id, position, event_id)
    WHERE subscriber_id IS NOT NULL AND kind NOT IN ('device_token_issued', 'refreshed');
