-- The order of events that cursors follow: that of transactions, not of the processes' clocks. See
-- satmint/store/contract/events.py.

ALTER TABLE events ADD COLUMN position INTEGER NOT NULL DEFAULT 0; -- 0: written before this migration
CREATE INDEX events_by_position ON events (project_id, position, event_id);
DROP INDEX events_that_end;
CREATE INDEX events_that_end_by_position ON events (position, event_id)
    WHERE kind IN ('address_deleted', 'project_revoked', 'reuse_detected', 'session_revoked',
                   'subscriber_deleted', 'subscriber_revoked');

CREATE TABLE event_counter (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    position  INTEGER NOT NULL               -- of the latest event
) STRICT;
INSERT INTO event_counter
SELECT 1, (coalesce(max(number), 1) - 1) * 281474976710656 FROM incarnation;
-- Positions of a restored database are above all those that its clients have seen.
CREATE TRIGGER incarnation_began AFTER INSERT ON incarnation
BEGIN
    UPDATE event_counter SET position = max(position, (NEW.number - 1) * 281474976710656);
END;
