-- Built-in receivers of the sandbox and what arrived at them. Both are small and bounded: see models.MaxInboxes and its neighbors.

-- +goose Up

CREATE TABLE inboxes (
    organization_id uuid    NOT NULL REFERENCES organizations (id),
    id              uuid    NOT NULL,
    token           text    NOT NULL,
    name            text    NOT NULL,
    behavior        text    NOT NULL,
    received        integer NOT NULL,
    created_at      bigint  NOT NULL,
    expires_at      bigint  NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT inboxes_token_key UNIQUE (token)
) WITH (fillfactor = 50); -- received grows with each request: keep updates HOT
CREATE INDEX inboxes_expires ON inboxes (expires_at);

-- The size is that of headers and body together. The headers are sealed, because those that a subscription adds hold credentials.
CREATE TABLE inbox_requests (
    organization_id uuid    NOT NULL,
    inbox_id        uuid    NOT NULL,
    number          integer NOT NULL,
    received_at     bigint  NOT NULL,
    size            integer NOT NULL,
    truncated       boolean NOT NULL,
    delivery_id     uuid,
    method          text    NOT NULL,
    signature       text    NOT NULL,
    headers         bytea   NOT NULL,
    body            bytea   NOT NULL,
    PRIMARY KEY (organization_id, inbox_id, number),
    FOREIGN KEY (organization_id, inbox_id) REFERENCES inboxes (organization_id, id) ON DELETE CASCADE
);
