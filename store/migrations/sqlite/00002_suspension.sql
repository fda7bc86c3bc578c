-- Suspended endpoints: what is sent to them is parked. See docs/adr/0018.

-- +goose Up

-- parking: deliveries that waited when it was suspended are still to be parked.
ALTER TABLE subscriptions ADD COLUMN suspended_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN state_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE subscriptions ADD COLUMN parking BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX subscriptions_suspended ON subscriptions (id) WHERE suspended_at > 0;

-- Endpoints that are not simply well; the others have no row. Nothing is written here while all attempts succeed.
CREATE TABLE endpoint_conditions (
    organization_id BLOB    NOT NULL,
    subscription_id BLOB    NOT NULL PRIMARY KEY,
    failures        INTEGER NOT NULL DEFAULT 0,
    failing_since   BIGINT  NOT NULL DEFAULT 0,
    probe_at        BIGINT  NOT NULL DEFAULT 0,
    probes          INTEGER NOT NULL DEFAULT 0,
    draining        BOOLEAN NOT NULL DEFAULT FALSE,
    drain_by        BIGINT  NOT NULL DEFAULT 0
);

-- A parked delivery has its place in the queue as a negative due_at. One that is sent as it comes never enters this index.
CREATE INDEX deliveries_parked ON deliveries (subscription_id, due_at) WHERE due_at < 0;
