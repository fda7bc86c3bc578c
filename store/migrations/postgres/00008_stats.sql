-- Statistics by the hour. See docs/adr/0024.

-- +goose Up

-- What attempts add, written by the statement that records them: a row for each subscription, environment and hour in a batch. hour is
-- in hours since 1970. outcomes has two bytes for each attempt. last_attempt is when the latest started, in milliseconds, times 2, plus 1
-- where it succeeded.
CREATE TABLE stat_entries (
    organization_id uuid    NOT NULL,
    subscription_id uuid    NOT NULL,
    sandbox         boolean NOT NULL,
    hour            integer NOT NULL,
    last_attempt    bigint  NOT NULL,
    outcomes        bytea   NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000); -- emptied by the minute

-- The sums of entries. The subject is a subscription, or the organization itself for all of its subscriptions together.
CREATE TABLE stat_hours (
    organization_id uuid    NOT NULL,
    subject_id      uuid    NOT NULL,
    sandbox         boolean NOT NULL,
    hour            integer NOT NULL,
    attempts        bigint  NOT NULL,
    succeeded       bigint  NOT NULL,
    last_attempt    bigint  NOT NULL,
    counts          bytea   NOT NULL,
    PRIMARY KEY (organization_id, subject_id, sandbox, hour)
) WITH (fillfactor = 70); -- the rows of this hour are updated by the minute: keep updates HOT
CREATE INDEX stat_hours_hour ON stat_hours (hour); -- for retention
