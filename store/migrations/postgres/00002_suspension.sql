-- Suspended endpoints: what is sent to them is parked. See docs/adr/0018.

-- +goose Up

-- parking: deliveries that waited when it was suspended are still to be parked.
ALTER TABLE subscriptions
    ADD COLUMN suspended_at bigint  NOT NULL DEFAULT 0,
    ADD COLUMN state_reason text    NOT NULL DEFAULT '',
    ADD COLUMN parking      boolean NOT NULL DEFAULT FALSE;
CREATE INDEX subscriptions_suspended ON subscriptions (id) WHERE suspended_at > 0;

-- Endpoints that are not simply well; the others have no row. Nothing is written here while all attempts succeed.
CREATE TABLE endpoint_conditions (
    organization_id uuid    NOT NULL,
    subscription_id uuid    NOT NULL PRIMARY KEY,
    failures        integer NOT NULL DEFAULT 0,
    failing_since   bigint  NOT NULL DEFAULT 0,
    probe_at        bigint  NOT NULL DEFAULT 0,
    probes          integer NOT NULL DEFAULT 0,
    draining        boolean NOT NULL DEFAULT FALSE,
    drain_by        bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 50); -- a few rows, updated with each batch of failures: keep updates HOT

-- A parked delivery has its place in the queue as a negative due_at. One that is sent as it comes never enters this index.
CREATE INDEX deliveries_parked ON deliveries (subscription_id, due_at) WHERE due_at < 0;
