-- The devices that browsers register: see satmint/store/contract/registered_devices.py. A row exists
-- as long as its session's; nothing is pushed to it.

CREATE TABLE registered_devices (
    project_id    BLOB NOT NULL,
    device_id     BLOB NOT NULL,
    session_id    BLOB NOT NULL,
    subscriber_id BLOB NOT NULL,            -- the session's
    type          TEXT NOT NULL,
    token         TEXT NOT NULL,            -- of a push service; as the browser sends it
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX registered_devices_by_session
    ON registered_devices (project_id, session_id, registered_at, device_id);
