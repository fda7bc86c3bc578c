-- What organizations add to the catalogue, and entities that are being removed.

-- +goose Up

-- Event types and scopes of organizations. A change takes the next revision, as one of a subscription does, so that no event is
-- accepted by an older entry once the change was answered. Deleted ones stay as tombstones without texts.
CREATE TABLE catalogue_entries (
    organization_id uuid    NOT NULL REFERENCES organizations (id),
    kind            text    NOT NULL,
    name            text    COLLATE "C" NOT NULL,
    revision        bigint  NOT NULL,
    created_at      bigint  NOT NULL,
    updated_at      bigint  NOT NULL,
    deleted         boolean NOT NULL,
    description     text    NOT NULL,
    sample          text    NOT NULL,
    schema          text    NOT NULL,
    PRIMARY KEY (organization_id, kind, name)
);
CREATE UNIQUE INDEX catalogue_entries_revision ON catalogue_entries (revision);

-- Entities whose events are being removed, those accepted before the cut. A row goes when nothing is left to do.
CREATE TABLE entity_removals (
    organization_id uuid   NOT NULL REFERENCES organizations (id),
    entity_key      text   COLLATE "C" NOT NULL,
    requested_at    bigint NOT NULL,
    cut_at          bigint NOT NULL,
    events          bigint NOT NULL,
    deliveries      bigint NOT NULL,
    canceled        bigint NOT NULL,
    PRIMARY KEY (organization_id, entity_key)
);
