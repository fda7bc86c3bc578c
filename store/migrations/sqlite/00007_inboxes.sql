-- Built-in receivers of the sandbox and what arrived at them. Both are small and bounded: see models.MaxInboxes and its neighbors.

-- +goose Up

CREATE TABLE inboxes (
    organization_id BLOB    NOT NULL REFERENCES organizations (id),
    id              BLOB    NOT NULL,
    token           TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    behavior        TEXT    NOT NULL,
    received        INTEGER NOT NULL,
    created_at      BIGINT  NOT NULL,
    expires_at      BIGINT  NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT inboxes_token_key UNIQUE (token)
);
CREATE INDEX inboxes_expires ON inboxes (expires_at);

-- The size is that of headers and body together. The headers are sealed, because those that a subscription adds hold credentials.
CREATE TABLE inbox_requests (
    organization_id BLOB    NOT NULL,
    inbox_id        BLOB    NOT NULL,
    number          INTEGER NOT NULL,
    received_at     BIGINT  NOT NULL,
    size            INTEGER NOT NULL,
    truncated       BOOLEAN NOT NULL,
    delivery_id     BLOB,
    method          TEXT    NOT NULL,
    signature       TEXT    NOT NULL,
    headers         BLOB    NOT NULL,
    body            BLOB    NOT NULL,
    PRIMARY KEY (organization_id, inbox_id, number),
    FOREIGN KEY (organization_id, inbox_id) REFERENCES inboxes (organization_id, id) ON DELETE CASCADE
);
