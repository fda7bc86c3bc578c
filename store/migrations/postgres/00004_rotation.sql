-- The exchange of a subscription's secret, and which secret signed each attempt.

-- +goose Up

-- The new secret of a rotation, and when it signs alone; a rotation whose end has passed is settled by the next sweep. The versions
-- keep only the number of their secret: once a secret is out of use, it is removed from them too.
ALTER TABLE subscriptions
    ADD COLUMN secret_generation integer NOT NULL DEFAULT 0,
    ADD COLUMN next_secret       bytea,
    ADD COLUMN next_generation   integer NOT NULL DEFAULT 0,
    ADD COLUMN activates_at      bigint  NOT NULL DEFAULT 0,
    ADD COLUMN rotation_ends_at  bigint  NOT NULL DEFAULT 0;
CREATE INDEX subscriptions_rotating ON subscriptions (rotation_ends_at) WHERE rotation_ends_at > 0;
ALTER TABLE subscription_versions ADD COLUMN secret_generation integer NOT NULL DEFAULT 0;

-- NULL for a subscription's first secret, which takes no room.
ALTER TABLE attempts ADD COLUMN secret_generation integer;
