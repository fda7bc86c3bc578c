-- The first schema. Instants are epoch milliseconds, 0 where something has not happened. Every table of tenants' data leads its
-- primary key with organization_id, which is the shard key of a distributed Postgres.
--
-- events, deliveries and attempts are partitioned by day over their version 7 UUIDs: retention drops a partition instead of
-- deleting rows, and a lookup by id reads one partition. Each has a DEFAULT partition, so that a day nobody prepared costs speed
-- and not events. EnsurePartitions makes the days.

-- +goose Up

-- One row. Every change of a subscription takes its lock first and holds it to the commit, so revisions are in commit order.
CREATE TABLE revisions (
    id    smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    value bigint   NOT NULL
) WITH (fillfactor = 10); -- one row that is updated in place for ever: leave room for HOT updates
INSERT INTO revisions (id, value) VALUES (1, 0);

-- A known text sealed with a master key, so that a wrong key is found at start.
CREATE TABLE key_checks (
    id     smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    sealed bytea    NOT NULL
);

CREATE TABLE organizations (
    id                 uuid   NOT NULL PRIMARY KEY,
    name               text   COLLATE "C" NOT NULL,
    created_at         bigint NOT NULL,
    subscription_quota integer,
    CONSTRAINT organizations_name_key UNIQUE (name)
);

CREATE TABLE workspaces (
    organization_id uuid   NOT NULL REFERENCES organizations (id),
    id              uuid   NOT NULL,
    name            text   NOT NULL,
    created_at      bigint NOT NULL,
    PRIMARY KEY (organization_id, id)
);

CREATE TABLE api_keys (
    id              uuid   NOT NULL PRIMARY KEY,
    organization_id uuid   NOT NULL REFERENCES organizations (id),
    hash            bytea  NOT NULL,
    hint            text   NOT NULL,
    role            text   NOT NULL,
    environment     text   NOT NULL,
    created_at      bigint NOT NULL,
    revoked_at      bigint NOT NULL DEFAULT 0,
    CONSTRAINT api_keys_hash_key UNIQUE (hash)
);
CREATE INDEX api_keys_organization ON api_keys (organization_id, id);

-- One row per key, written at every management call: keep updates HOT.
CREATE TABLE rate_windows (
    key_id       uuid    NOT NULL PRIMARY KEY,
    minute_start bigint  NOT NULL,
    minute_count integer NOT NULL,
    hour_start   bigint  NOT NULL,
    hour_count   integer NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- The current state of each subscription; deleted ones stay as tombstones. The marks say that waiting deliveries of older
-- versions are to be canceled.
CREATE TABLE subscriptions (
    organization_id              uuid    NOT NULL REFERENCES organizations (id),
    id                           uuid    NOT NULL,
    version                      integer NOT NULL,
    revision                     bigint  NOT NULL,
    enabled                      boolean NOT NULL,
    sandbox                      boolean NOT NULL,
    events                       text    NOT NULL,
    scopes                       text    NOT NULL,
    workspaces                   text    NOT NULL,
    entity_key                   text    NOT NULL,
    endpoint                     text    NOT NULL,
    description                  text,
    secret                       bytea,
    format                       text    NOT NULL,
    headers                      bytea,
    auto_retry                   boolean NOT NULL,
    max_in_flight                integer NOT NULL,
    rate_per_sec                 double precision NOT NULL,
    timeout_first_ms             bigint  NOT NULL,
    timeout_retry_ms             bigint  NOT NULL,
    created_at                   bigint  NOT NULL,
    updated_at                   bigint  NOT NULL,
    deleted_at                   bigint  NOT NULL,
    stopped_below                integer NOT NULL,
    cancel_below_version         integer,
    cancel_retries_below_version integer,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT subscriptions_id_key UNIQUE (id)
);
CREATE UNIQUE INDEX subscriptions_revision ON subscriptions (revision);
CREATE INDEX subscriptions_stopped ON subscriptions (id)
    WHERE cancel_below_version IS NOT NULL OR cancel_retries_below_version IS NOT NULL;

CREATE TABLE subscription_versions (
    organization_id  uuid    NOT NULL,
    subscription_id  uuid    NOT NULL,
    version          integer NOT NULL,
    revision         bigint  NOT NULL,
    enabled          boolean NOT NULL,
    sandbox          boolean NOT NULL,
    events           text    NOT NULL,
    scopes           text    NOT NULL,
    workspaces       text    NOT NULL,
    entity_key       text    NOT NULL,
    endpoint         text    NOT NULL,
    description      text,
    secret           bytea,
    format           text    NOT NULL,
    headers          bytea,
    auto_retry       boolean NOT NULL,
    max_in_flight    integer NOT NULL,
    rate_per_sec     double precision NOT NULL,
    timeout_first_ms bigint  NOT NULL,
    timeout_retry_ms bigint  NOT NULL,
    created_at       bigint  NOT NULL,
    updated_at       bigint  NOT NULL,
    deleted_at       bigint  NOT NULL,
    stopped_below    integer NOT NULL,
    changed_at       bigint  NOT NULL,
    changed_by       uuid,
    PRIMARY KEY (organization_id, subscription_id, version)
);

-- The data is text and not jsonb, because its bytes are kept as they came: big integers, key order, white space.
CREATE TABLE events (
    accepted_at     bigint  NOT NULL,
    happened_at     bigint  NOT NULL,
    organization_id uuid    NOT NULL,
    ref             uuid    NOT NULL,
    id              uuid    NOT NULL,
    workspace_id    uuid,
    published_by    uuid,
    matched         integer NOT NULL,
    sandbox         boolean NOT NULL,
    name            text    COLLATE "C" NOT NULL,
    scope           text    NOT NULL,
    entity_key      text    NOT NULL,
    data            text    NOT NULL,
    PRIMARY KEY (organization_id, ref)
) PARTITION BY RANGE (ref);
CREATE INDEX events_entity ON events (organization_id, entity_key, ref) WHERE entity_key <> '';
CREATE INDEX events_unmatched ON events (organization_id, ref) WHERE matched = 0;
CREATE TABLE events_default PARTITION OF events DEFAULT
    WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.05,
          toast.autovacuum_freeze_min_age = 0, toast.autovacuum_vacuum_insert_scale_factor = 0.05);

-- What makes publishing again a duplicate: ids chosen by producers (kind 'id') and Idempotency-Keys (kinds 'key' and 'sandbox_key'). Not partitioned,
-- because a unique key would have to contain the partition's column.
CREATE TABLE event_keys (
    organization_id uuid   NOT NULL,
    kind            text   NOT NULL,
    key             bytea  NOT NULL,
    event_ref       uuid   NOT NULL,
    fingerprint     bytea  NOT NULL,
    created_at      bigint NOT NULL,
    PRIMARY KEY (organization_id, kind, key)
);
CREATE INDEX event_keys_created ON event_keys (created_at); -- for retention

-- The queue is the rows themselves. Nearly every delivery is inserted as delivering, handed over, and updated once, to delivered. That
-- update must be HOT, which changes no index: so no index looks at the status or at what else changes then. The indexes of the queue
-- look at due_at, which is 0 in a row that was handed over or has ended, and at owner, which stays when one has ended:
--   due_at > 0 AND owner = 0: waits. due_at > 0 AND owner > 0: was claimed. due_at = 0: handed over and delivering, or ended.
-- deliveries_owner finds what was handed to an instance that has died, from the id on that its last heartbeat named. An event's
-- deliveries need no index, because their ids begin as the event's ref does.
-- EnsurePartitions gives each day's partition the settings below:
--   fillfactor 50: the new version of each row finds room in the same page, which is what HOT takes. Half of each page would go to new
--     versions in any case.
--   autovacuum_vacuum_scale_factor 0.02 and cost_delay 0: dead entries in the partial indexes are walked by every claim, so
--     vacuum comes early and does not sleep.
CREATE TABLE deliveries (
    due_at               bigint  NOT NULL,
    owner                bigint  NOT NULL,
    created_at           bigint  NOT NULL,
    updated_at           bigint  NOT NULL,
    organization_id      uuid    NOT NULL,
    id                   uuid    NOT NULL,
    event_ref            uuid    NOT NULL,
    event_id             uuid    NOT NULL,
    subscription_id      uuid    NOT NULL,
    subscription_version integer NOT NULL,
    attempts             integer NOT NULL,
    uncounted            integer NOT NULL DEFAULT 0,
    sandbox              boolean NOT NULL,
    owed                 boolean NOT NULL,
    status               text    NOT NULL,
    reason               text    NOT NULL,
    event_name           text    COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX deliveries_subscription ON deliveries (subscription_id, id);
CREATE INDEX deliveries_queue ON deliveries (subscription_id, due_at, id) WHERE due_at > 0 AND owner = 0;
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at > 0 AND owner = 0;
CREATE INDEX deliveries_claimed ON deliveries (owner) WHERE due_at > 0 AND owner > 0;
CREATE INDEX deliveries_owner ON deliveries (owner, id) WHERE owner > 0;
CREATE TABLE deliveries_default PARTITION OF deliveries DEFAULT
    WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_freeze_min_age = 0);

-- One row: no delivery of an earlier id waits or is claimed. Looks at the queue begin here, so they pass over the days before.
CREATE TABLE queue_floor (
    id    smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    floor uuid     NOT NULL
) WITH (fillfactor = 10);
INSERT INTO queue_floor (id, floor) VALUES (1, '00000000-0000-7000-8000-000000000000');

-- The ledger: each transaction that moves deliveries inserts what it moved, and now and then that is added to the sums. Nobody waits
-- for a counter's lock.
CREATE TABLE ledgers (
    organization_id uuid   NOT NULL PRIMARY KEY,
    events          bigint NOT NULL,
    matched         bigint NOT NULL,
    pending         bigint NOT NULL,
    delivering      bigint NOT NULL,
    retrying        bigint NOT NULL,
    parked          bigint NOT NULL,
    delivered       bigint NOT NULL,
    failed          bigint NOT NULL,
    canceled        bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE ledger_entries (
    organization_id uuid   NOT NULL,
    events          bigint NOT NULL DEFAULT 0,
    matched         bigint NOT NULL DEFAULT 0,
    pending         bigint NOT NULL DEFAULT 0,
    delivering      bigint NOT NULL DEFAULT 0,
    retrying        bigint NOT NULL DEFAULT 0,
    parked          bigint NOT NULL DEFAULT 0,
    delivered       bigint NOT NULL DEFAULT 0,
    failed          bigint NOT NULL DEFAULT 0,
    canceled        bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000); -- emptied by the minute

-- Empty parts are NULL, which takes no room. Headers are lines of one text.
CREATE TABLE attempts (
    started_at       bigint  NOT NULL,
    organization_id  uuid    NOT NULL,
    delivery_id      uuid    NOT NULL,
    number           integer NOT NULL,
    success          boolean NOT NULL,
    body_truncated   boolean NOT NULL,
    status_code      integer,
    redirects        integer,
    retry_after_ms   integer,
    dns_us           integer,
    connect_us       integer,
    tls_us           integer,
    first_byte_us    integer,
    total_us         integer,
    reason           text,
    detail           text,
    endpoint         text,
    request_headers  text,
    response_headers text,
    response_body    bytea,
    PRIMARY KEY (organization_id, delivery_id, number)
) PARTITION BY RANGE (delivery_id);
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT
    WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.05,
          toast.autovacuum_freeze_min_age = 0, toast.autovacuum_vacuum_insert_scale_factor = 0.05);

-- How far the payloads of old events and attempts have been emptied, and what live deliveries still need of what lies before. See
-- payloads.go.
CREATE TABLE payload_progress (
    id              integer NOT NULL PRIMARY KEY CHECK (id = 1),
    emptied_before  bigint NOT NULL,
    emptying_before bigint NOT NULL,
    step            integer NOT NULL,
    organization_id uuid,
    key             uuid
);
INSERT INTO payload_progress (id, emptied_before, emptying_before, step) VALUES (1, 0, 0, 0);
CREATE TABLE payload_debts (
    organization_id uuid NOT NULL,
    delivery_id     uuid NOT NULL,
    event_ref       uuid NOT NULL,
    PRIMARY KEY (organization_id, delivery_id)
);
CREATE INDEX payload_debts_event ON payload_debts (organization_id, event_ref);

-- Running processes. The number is never used twice: it is the fence. No delivery below handed_from is in the hands of an instance from
-- the commit; swept says that what a dead one had was given back.
CREATE TABLE instances (
    id           bigint  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text    NOT NULL,
    started_at   bigint  NOT NULL,
    heartbeat_at bigint  NOT NULL,
    handed_from  uuid    NOT NULL,
    dead         boolean NOT NULL,
    swept        boolean NOT NULL
) WITH (fillfactor = 50); -- a few rows, updated at every heartbeat: keep updates HOT
