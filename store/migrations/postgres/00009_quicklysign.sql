-- Entities that are parts of others, and the webhooks of document packs.

-- +goose Up

-- The entity that an event's own is a part of. Events without one are in no index for it.
ALTER TABLE events ADD COLUMN entity_parent_key text NOT NULL DEFAULT '';
CREATE INDEX events_parent ON events (organization_id, entity_parent_key, ref) WHERE entity_parent_key <> '';

-- Of QuicklySign's first API: such a webhook is called a subscription in its callbacks.
ALTER TABLE subscriptions ADD COLUMN v0 boolean NOT NULL DEFAULT FALSE;
ALTER TABLE subscription_versions ADD COLUMN v0 boolean NOT NULL DEFAULT FALSE;

-- The subscriptions to one entity each. Those that were deleted are in the first index only: their logs stay with the entity.
CREATE INDEX subscriptions_entity ON subscriptions (organization_id, entity_key, id) WHERE entity_key <> '';
CREATE INDEX subscriptions_entity_live ON subscriptions (organization_id, entity_key, id) WHERE entity_key <> '' AND deleted_at = 0;
