-- Who did what when, and what a key is for.

-- +goose Up

ALTER TABLE api_keys ADD COLUMN name TEXT NOT NULL DEFAULT '';

-- Management actions. An entry is there before its action begins, with the outcome unknown. It has no organization while none is
-- known, and where the action is about none.
CREATE TABLE audit_entries (
    id              BLOB NOT NULL PRIMARY KEY,
    organization_id BLOB REFERENCES organizations (id),
    at              BIGINT NOT NULL,
    actor           TEXT NOT NULL,
    key_id          BLOB,
    key_hint        TEXT NOT NULL,
    action          TEXT NOT NULL,
    object_id       TEXT NOT NULL,
    request_id      TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    status          INTEGER NOT NULL,
    reason          TEXT NOT NULL
);
CREATE INDEX audit_entries_organization ON audit_entries (organization_id, id);
CREATE INDEX audit_entries_object ON audit_entries (organization_id, object_id, id);
