-- Who did what when, and what a key is for.

-- +goose Up

ALTER TABLE api_keys ADD COLUMN name text NOT NULL DEFAULT '';

-- Management actions. An entry is there before its action begins, with the outcome unknown. It has no organization while none is
-- known, and where the action is about none.
CREATE TABLE audit_entries (
    id              uuid NOT NULL PRIMARY KEY,
    organization_id uuid REFERENCES organizations (id),
    at              bigint NOT NULL,
    actor           text NOT NULL,
    key_id          uuid,
    key_hint        text NOT NULL,
    action          text COLLATE "C" NOT NULL,
    object_id       text COLLATE "C" NOT NULL,
    request_id      text NOT NULL,
    outcome         text NOT NULL,
    status          integer NOT NULL,
    reason          text NOT NULL
);
CREATE INDEX audit_entries_organization ON audit_entries (organization_id, id);
CREATE INDEX audit_entries_object ON audit_entries (organization_id, object_id, id);
