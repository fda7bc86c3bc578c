-- Statistics by the hour. See docs/adr/0024.

-- +goose Up

-- What attempts add, written in the transaction that records them: a row for each subscription, environment and hour in a batch. hour is
-- in hours since 1970. outcomes has two bytes for each attempt. last_attempt is when the latest started, in milliseconds, times 2, plus 1
-- where it succeeded.
CREATE TABLE stat_entries (
    organization_id BLOB    NOT NULL,
    subscription_id BLOB    NOT NULL,
    sandbox         BOOLEAN NOT NULL,
    hour            INTEGER NOT NULL,
    last_attempt    BIGINT  NOT NULL,
    outcomes        BLOB    NOT NULL
);

-- The sums of entries. The subject is a subscription, or the organization itself for all of its subscriptions together.
CREATE TABLE stat_hours (
    organization_id BLOB    NOT NULL,
    subject_id      BLOB    NOT NULL,
    sandbox         BOOLEAN NOT NULL,
    hour            INTEGER NOT NULL,
    attempts        BIGINT  NOT NULL,
    succeeded       BIGINT  NOT NULL,
    last_attempt    BIGINT  NOT NULL,
    counts          BLOB    NOT NULL,
    PRIMARY KEY (organization_id, subject_id, sandbox, hour)
) WITHOUT ROWID;
CREATE INDEX stat_hours_hour ON stat_hours (hour); -- for retention

-- The entry of a batch comes with the insert of its attempts, so that recording takes no statement more. The latest attempt of each
-- subscription, environment and hour carries the outcomes of these; NULL in all others.
ALTER TABLE attempts ADD COLUMN tally BLOB;

-- +goose StatementBegin
CREATE TRIGGER stat_of_attempts AFTER INSERT ON attempts WHEN NEW.tally IS NOT NULL BEGIN
    INSERT INTO stat_entries (organization_id, subscription_id, sandbox, hour, last_attempt, outcomes)
    SELECT d.organization_id, d.subscription_id, d.sandbox, NEW.started_at / 3600000, NEW.started_at * 2 + NEW.success, NEW.tally
    FROM deliveries d WHERE d.organization_id = NEW.organization_id AND d.id = NEW.delivery_id;
END;
-- +goose StatementEnd
