-- Conference rooms, and the index by which resources are found by their display name.

CREATE TABLE rooms (
    project_id   BLOB NOT NULL,
    room_id      BLOB NOT NULL,
    address_id   BLOB NOT NULL,
    name         TEXT NOT NULL,
    display_name TEXT NOT NULL,
    settings     TEXT NOT NULL,             -- JSON: satmint/model/rooms.py, RoomSettings
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (project_id, room_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX rooms_by_name ON rooms (project_id, name);
CREATE INDEX rooms_by_age ON rooms (project_id, created_at, room_id);
CREATE INDEX rooms_by_display_name ON rooms (project_id, display_name, created_at, room_id);
CREATE INDEX subscribers_by_label
    ON subscribers (project_id, COALESCE(NULLIF(display_name, ''), reference), created_at,
                    subscriber_id)
    WHERE reference IS NOT NULL;
