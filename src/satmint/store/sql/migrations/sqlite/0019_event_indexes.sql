-- The conditions of these indexes are comparisons, the most frequent kinds first: each insert
-- evaluates them, and SQLite builds a table for each `IN` of three values or more, and for each
-- `NOT IN`. It took as long as the rest of the insert of a refresh's event.

DROP INDEX events_by_kind;
CREATE INDEX events_by_kind ON events (project_id, kind, position, event_id)
    WHERE kind <> 'refreshed' AND kind <> 'device_token_issued' AND kind <> 'issued';
DROP INDEX events_by_session;
CREATE INDEX events_by_session ON events (project_id, session_id, position, event_id)
    WHERE session_id IS NOT NULL AND kind <> 'refreshed' AND kind <> 'device_token_issued';
DROP INDEX events_by_subscriber;
CREATE INDEX events_by_subscriber ON events (project_id, subscriber_id, position, event_id)
    WHERE subscriber_id IS NOT NULL AND kind <> 'refreshed' AND kind <> 'device_token_issued';
DROP INDEX events_that_end_by_position;
CREATE INDEX events_that_end_by_position ON events (position, event_id)
    WHERE kind <> 'refreshed' AND kind <> 'device_token_issued' AND kind <> 'issued'
      AND kind IN ('address_deleted', 'project_revoked', 'reuse_detected', 'session_revoked',
                   'subscriber_deleted', 'subscriber_revoked');
