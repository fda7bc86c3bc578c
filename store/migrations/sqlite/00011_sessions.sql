-- Who is signed in to the web pages. A row holds the hash of what the browser has, and the id of the key that it was made with: never a
-- key. There are few and they are read with each page; see models.MaxSessions and its neighbors.

-- +goose Up

CREATE TABLE sessions (
    hash       BLOB   NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL,
    key_id     BLOB    REFERENCES api_keys (id),
    sandbox    BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL,
    ends_at    BIGINT  NOT NULL
);
CREATE INDEX sessions_key ON sessions (key_id);
CREATE INDEX sessions_ends ON sessions (ends_at);
