-- The first schema. Instants are epoch milliseconds, 0 where something has not happened. Every table of tenants' data leads its
-- primary key with organization_id.
--
-- The same tables and columns as on Postgres, without partitions: ids are 16-byte blobs.

-- +goose Up

-- One row. Every change of a subscription takes its lock first and holds it to the commit, so revisions are in commit order.
CREATE TABLE revisions (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    value BIGINT  NOT NULL
);
INSERT INTO revisions (id, value) VALUES (1, 0);

-- A known text sealed with a master key, so that a wrong key is found at start.
CREATE TABLE key_checks (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    sealed BLOB    NOT NULL
);

CREATE TABLE organizations (
    id                 BLOB    NOT NULL PRIMARY KEY,
    name               TEXT    NOT NULL,
    created_at         BIGINT  NOT NULL,
    subscription_quota INTEGER,
    CONSTRAINT organizations_name_key UNIQUE (name)
);

CREATE TABLE workspaces (
    organization_id BLOB   NOT NULL REFERENCES organizations (id),
    id              BLOB   NOT NULL,
    name            TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, id)
);

CREATE TABLE api_keys (
    id              BLOB   NOT NULL PRIMARY KEY,
    organization_id BLOB   NOT NULL REFERENCES organizations (id),
    hash            BLOB   NOT NULL,
    hint            TEXT   NOT NULL,
    role            TEXT   NOT NULL,
    environment     TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    revoked_at      BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT api_keys_hash_key UNIQUE (hash)
);
CREATE INDEX api_keys_organization ON api_keys (organization_id, id);

-- One row per key, written at every management call.
CREATE TABLE rate_windows (
    key_id       BLOB    NOT NULL PRIMARY KEY,
    minute_start BIGINT  NOT NULL,
    minute_count INTEGER NOT NULL,
    hour_start   BIGINT  NOT NULL,
    hour_count   INTEGER NOT NULL
);

-- The current state of each subscription; deleted ones stay as tombstones. The marks say that waiting deliveries of older
-- versions are to be canceled.
CREATE TABLE subscriptions (
    organization_id              BLOB    NOT NULL REFERENCES organizations (id),
    id                           BLOB    NOT NULL,
    version                      INTEGER NOT NULL,
    revision                     BIGINT  NOT NULL,
    enabled                      BOOLEAN NOT NULL,
    sandbox                      BOOLEAN NOT NULL,
    events                       TEXT    NOT NULL,
    scopes                       TEXT    NOT NULL,
    workspaces                   TEXT    NOT NULL,
    entity_key                   TEXT    NOT NULL,
    endpoint                     TEXT    NOT NULL,
    description                  TEXT,
    secret                       BLOB,
    format                       TEXT    NOT NULL,
    headers                      BLOB,
    auto_retry                   BOOLEAN NOT NULL,
    max_in_flight                INTEGER NOT NULL,
    rate_per_sec                 REAL    NOT NULL,
    timeout_first_ms             BIGINT  NOT NULL,
    timeout_retry_ms             BIGINT  NOT NULL,
    created_at                   BIGINT  NOT NULL,
    updated_at                   BIGINT  NOT NULL,
    deleted_at                   BIGINT  NOT NULL,
    stopped_below                INTEGER NOT NULL,
    cancel_below_version         INTEGER,
    cancel_retries_below_version INTEGER,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT subscriptions_id_key UNIQUE (id)
);
CREATE UNIQUE INDEX subscriptions_revision ON subscriptions (revision);
CREATE INDEX subscriptions_stopped ON subscriptions (id)
    WHERE cancel_below_version IS NOT NULL OR cancel_retries_below_version IS NOT NULL;

CREATE TABLE subscription_versions (
    organization_id  BLOB    NOT NULL,
    subscription_id  BLOB    NOT NULL,
    version          INTEGER NOT NULL,
    revision         BIGINT  NOT NULL,
    enabled          BOOLEAN NOT NULL,
    sandbox          BOOLEAN NOT NULL,
    events           TEXT    NOT NULL,
    scopes           TEXT    NOT NULL,
    workspaces       TEXT    NOT NULL,
    entity_key       TEXT    NOT NULL,
    endpoint         TEXT    NOT NULL,
    description      TEXT,
    secret           BLOB,
    format           TEXT    NOT NULL,
    headers          BLOB,
    auto_retry       BOOLEAN NOT NULL,
    max_in_flight    INTEGER NOT NULL,
    rate_per_sec     REAL    NOT NULL,
    timeout_first_ms BIGINT  NOT NULL,
    timeout_retry_ms BIGINT  NOT NULL,
    created_at       BIGINT  NOT NULL,
    updated_at       BIGINT  NOT NULL,
    deleted_at       BIGINT  NOT NULL,
    stopped_below    INTEGER NOT NULL,
    changed_at       BIGINT  NOT NULL,
    changed_by       BLOB,
    PRIMARY KEY (organization_id, subscription_id, version)
);

-- The data is text and not jsonb, because its bytes are kept as they came: big integers, key order, white space.
CREATE TABLE events (
    accepted_at     BIGINT  NOT NULL,
    happened_at     BIGINT  NOT NULL,
    organization_id BLOB    NOT NULL,
    ref             BLOB    NOT NULL,
    id              BLOB    NOT NULL,
    workspace_id    BLOB,
    published_by    BLOB,
    matched         INTEGER NOT NULL,
    sandbox         BOOLEAN NOT NULL,
    name            TEXT    NOT NULL,
    scope           TEXT    NOT NULL,
    entity_key      TEXT    NOT NULL,
    data            TEXT    NOT NULL,
    PRIMARY KEY (organization_id, ref)
);
CREATE INDEX events_entity ON events (organization_id, entity_key, ref) WHERE entity_key <> '';
CREATE INDEX events_unmatched ON events (organization_id, ref) WHERE matched = 0;

-- What makes publishing again a duplicate: ids chosen by producers (kind 'id') and Idempotency-Keys (kinds 'key' and 'sandbox_key').
CREATE TABLE event_keys (
    organization_id BLOB   NOT NULL,
    kind            TEXT   NOT NULL,
    key             BLOB   NOT NULL,
    event_ref       BLOB   NOT NULL,
    fingerprint     BLOB   NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, kind, key)
) WITHOUT ROWID;
CREATE INDEX event_keys_created ON event_keys (created_at); -- for retention

-- The queue is the rows themselves. due_at > 0 AND owner = 0: waits. due_at > 0 AND owner > 0: was claimed. due_at = 0: handed over and
-- delivering, or ended; then the owner is the last one. deliveries_owner finds what was handed to an instance that has died, from the
-- id on that its last heartbeat named. An event's deliveries need no index, because their ids begin as the event's ref does.
CREATE TABLE deliveries (
    due_at               BIGINT  NOT NULL,
    owner                BIGINT  NOT NULL,
    created_at           BIGINT  NOT NULL,
    updated_at           BIGINT  NOT NULL,
    organization_id      BLOB    NOT NULL,
    id                   BLOB    NOT NULL,
    event_ref            BLOB    NOT NULL,
    event_id             BLOB    NOT NULL,
    subscription_id      BLOB    NOT NULL,
    subscription_version INTEGER NOT NULL,
    attempts             INTEGER NOT NULL,
    uncounted            INTEGER NOT NULL DEFAULT 0,
    sandbox              BOOLEAN NOT NULL,
    owed                 BOOLEAN NOT NULL,
    status               TEXT    NOT NULL,
    reason               TEXT    NOT NULL,
    event_name           TEXT    NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX deliveries_subscription ON deliveries (subscription_id, id);
CREATE INDEX deliveries_queue ON deliveries (subscription_id, due_at, id) WHERE due_at > 0 AND owner = 0;
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at > 0 AND owner = 0;
CREATE INDEX deliveries_claimed ON deliveries (owner) WHERE due_at > 0 AND owner > 0;
CREATE INDEX deliveries_owner ON deliveries (owner, id) WHERE owner > 0;

-- One row, for Postgres, where looks at the queue pass over the days before it.
CREATE TABLE queue_floor (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    floor BLOB    NOT NULL
);
INSERT INTO queue_floor (id, floor) VALUES (1, x'00000000000070008000000000000000');

-- The ledger is kept by triggers, in the transaction of whatever they fire for. Rows that are removed stay counted.
CREATE TABLE ledgers (
    organization_id BLOB   NOT NULL PRIMARY KEY,
    events          BIGINT NOT NULL DEFAULT 0,
    matched         BIGINT NOT NULL DEFAULT 0,
    pending         BIGINT NOT NULL DEFAULT 0,
    delivering      BIGINT NOT NULL DEFAULT 0,
    retrying        BIGINT NOT NULL DEFAULT 0,
    parked          BIGINT NOT NULL DEFAULT 0,
    delivered       BIGINT NOT NULL DEFAULT 0,
    failed          BIGINT NOT NULL DEFAULT 0,
    canceled        BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER ledger_of_organization AFTER INSERT ON organizations BEGIN
    INSERT INTO ledgers (organization_id) VALUES (NEW.id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_of_event AFTER INSERT ON events BEGIN
    UPDATE ledgers SET events = events + 1, matched = matched + NEW.matched WHERE organization_id = NEW.organization_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_of_delivery AFTER INSERT ON deliveries BEGIN
    UPDATE ledgers SET
        pending = pending + (NEW.status = 'pending'),
        delivering = delivering + (NEW.status = 'delivering'),
        retrying = retrying + (NEW.status = 'retrying'),
        parked = parked + (NEW.status = 'parked'),
        delivered = delivered + (NEW.status = 'delivered'),
        failed = failed + (NEW.status = 'failed'),
        canceled = canceled + (NEW.status = 'canceled')
    WHERE organization_id = NEW.organization_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ledger_of_move AFTER UPDATE OF status ON deliveries WHEN NEW.status <> OLD.status BEGIN
    UPDATE ledgers SET
        pending = pending + (NEW.status = 'pending') - (OLD.status = 'pending'),
        delivering = delivering + (NEW.status = 'delivering') - (OLD.status = 'delivering'),
        retrying = retrying + (NEW.status = 'retrying') - (OLD.status = 'retrying'),
        parked = parked + (NEW.status = 'parked') - (OLD.status = 'parked'),
        delivered = delivered + (NEW.status = 'delivered') - (OLD.status = 'delivered'),
        failed = failed + (NEW.status = 'failed') - (OLD.status = 'failed'),
        canceled = canceled + (NEW.status = 'canceled') - (OLD.status = 'canceled')
    WHERE organization_id = NEW.organization_id;
END;
-- +goose StatementEnd

-- Empty parts are NULL, which takes no room. Headers are lines of one text.
CREATE TABLE attempts (
    started_at       BIGINT  NOT NULL,
    organization_id  BLOB    NOT NULL,
    delivery_id      BLOB    NOT NULL,
    number           INTEGER NOT NULL,
    success          BOOLEAN NOT NULL,
    body_truncated   BOOLEAN NOT NULL,
    status_code      INTEGER,
    redirects        INTEGER,
    retry_after_ms   INTEGER,
    dns_us           INTEGER,
    connect_us       INTEGER,
    tls_us           INTEGER,
    first_byte_us    INTEGER,
    total_us         INTEGER,
    reason           TEXT,
    detail           TEXT,
    endpoint         TEXT,
    request_headers  TEXT,
    response_headers TEXT,
    response_body    BLOB,
    PRIMARY KEY (organization_id, delivery_id, number)
);

-- How far the payloads of old events and attempts have been emptied, and what live deliveries still need of what lies before. See
-- payloads.go.
CREATE TABLE payload_progress (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    emptied_before  BIGINT NOT NULL,
    emptying_before BIGINT NOT NULL,
    step            INTEGER NOT NULL,
    organization_id BLOB,
    key             BLOB
);
INSERT INTO payload_progress (id, emptied_before, emptying_before, step) VALUES (1, 0, 0, 0);
CREATE TABLE payload_debts (
    organization_id BLOB NOT NULL,
    delivery_id     BLOB NOT NULL,
    event_ref       BLOB NOT NULL,
    PRIMARY KEY (organization_id, delivery_id)
);
CREATE INDEX payload_debts_event ON payload_debts (organization_id, event_ref);

-- Running processes. The number is never used twice: it is the fence. No delivery below handed_from is in the hands of an instance from
-- the commit; swept says that what a dead one had was given back.
CREATE TABLE instances (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL,
    started_at   BIGINT  NOT NULL,
    heartbeat_at BIGINT  NOT NULL,
    handed_from  BLOB    NOT NULL,
    dead         BOOLEAN NOT NULL,
    swept        BOOLEAN NOT NULL
);
