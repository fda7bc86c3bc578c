-- Who is signed in to the web pages. A row holds the hash of what the browser has, and the id of the key that it was made with: never a
-- key. There are few and they are read with each page; see models.MaxSessions and its neighbors.

-- +goose Up

CREATE TABLE sessions (
    hash       bytea   NOT NULL PRIMARY KEY,
    kind       text    NOT NULL,
    key_id     uuid    REFERENCES api_keys (id),
    sandbox    boolean NOT NULL,
    created_at bigint  NOT NULL,
    seen_at    bigint  NOT NULL,
    ends_at    bigint  NOT NULL
);
CREATE INDEX sessions_key ON sessions (key_id);
CREATE INDEX sessions_ends ON sessions (ends_at);
