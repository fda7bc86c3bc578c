-- What organizations add to the catalogue, and entities that are being removed.

-- +goose Up

-- Event types and scopes of organizations. A change takes the next revision, as one of a subscription does, so that no event is
-- accepted by an older entry once the change was answered. Deleted ones stay as tombstones without texts.
CREATE TABLE catalogue_entries (
    organization_id BLOB    NOT NULL REFERENCES organizations (id),
    kind            TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    revision        BIGINT  NOT NULL,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    deleted         BOOLEAN NOT NULL,
    description     TEXT    NOT NULL,
    sample          TEXT    NOT NULL,
    schema          TEXT    NOT NULL,
    PRIMARY KEY (organization_id, kind, name)
);
CREATE UNIQUE INDEX catalogue_entries_revision ON catalogue_entries (revision);

-- Entities whose events are being removed, those accepted before the cut. A row goes when nothing is left to do.
CREATE TABLE entity_removals (
    organization_id BLOB   NOT NULL REFERENCES organizations (id),
    entity_key      TEXT   NOT NULL,
    requested_at    BIGINT NOT NULL,
    cut_at          BIGINT NOT NULL,
    events          BIGINT NOT NULL,
    deliveries      BIGINT NOT NULL,
    canceled        BIGINT NOT NULL,
    PRIMARY KEY (organization_id, entity_key)
);
