-- works with 0001
-- The devices that browsers register: see satmint/store/contract/registered_devices.py. A row exists
-- as long as its session's; nothing is pushed to it.

CREATE TABLE registered_devices (
    project_id    UUID NOT NULL,
    device_id     UUID NOT NULL,
    session_id    UUID NOT NULL,
    subscriber_id UUID NOT NULL,            -- the session's
    type          TEXT NOT NULL,
    token         TEXT NOT NULL,            -- of a push service; as the browser sends it
    registered_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, device_id)
);
CREATE INDEX registered_devices_by_session
    ON registered_devices (project_id, session_id, registered_at, device_id);
