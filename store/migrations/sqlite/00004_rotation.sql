-- The exchange of a subscription's secret, and which secret signed each attempt. See the file of the same name for Postgres.

-- +goose Up
ALTER TABLE subscriptions ADD COLUMN secret_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN next_secret BLOB;
ALTER TABLE subscriptions ADD COLUMN next_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN activates_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN rotation_ends_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX subscriptions_rotating ON subscriptions (rotation_ends_at) WHERE rotation_ends_at > 0;
ALTER TABLE subscription_versions ADD COLUMN secret_generation INTEGER NOT NULL DEFAULT 0;

ALTER TABLE attempts ADD COLUMN secret_generation INTEGER;
