-- works with 0001
-- The order of events that cursors follow: that of transactions, not of the servers' clocks. See
-- satmint/store/contract/events.py.

-- Servers of the previous release write no position.
CREATE FUNCTION event_position() RETURNS BIGINT LANGUAGE sql AS $$
    SELECT (coalesce((SELECT number FROM incarnation), 1) - 1) * 281474976710656 + txid_current()
$$;
ALTER TABLE events ADD COLUMN position BIGINT NOT NULL DEFAULT 0; -- 0: written before this migration
ALTER TABLE events ALTER COLUMN position SET DEFAULT event_position();
CREATE INDEX events_by_position ON events (project_id, position, event_id);
-- A later migration drops events_that_end, which servers of the previous release use.
CREATE INDEX events_that_end_by_position ON events (position, event_id)
    WHERE kind IN ('address_deleted', 'project_revoked', 'reuse_detected', 'session_revoked',
                   'subscriber_deleted', 'subscriber_revoked');
