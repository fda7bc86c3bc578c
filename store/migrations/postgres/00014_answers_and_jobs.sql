-- What inboxes answered, and of which environment jobs are.

-- +goose Up

-- The answer is empty for a request that is being answered, and where nobody can tell any more: it is from before, or its process ended.
ALTER TABLE inbox_requests
    ADD COLUMN answer        text    NOT NULL DEFAULT '',
    ADD COLUMN answer_status integer NOT NULL DEFAULT 0,
    ADD COLUMN waited_ms     bigint  NOT NULL DEFAULT 0;

-- A job that named a subscription and no environment is of the subscription's, as such jobs are from now on. One that names neither goes
-- through both.
UPDATE resends SET sandbox = (
    SELECT s.sandbox FROM subscriptions s WHERE s.organization_id = resends.organization_id AND s.id = resends.subscription_id
) WHERE sandbox IS NULL AND subscription_id IS NOT NULL;
