-- Sending again.
--
-- asked is where a delivery that somebody wants to be sent at once goes back to when that fails. It is emptied when the attempt is recorded.
-- replay_of marks a replay: the id of the delivery that it repeats, or one byte where there was none. A replay's id does not begin as its
-- event's ref does, so the event's replays have an index.

-- +goose Up

ALTER TABLE deliveries ADD COLUMN asked TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN replay_of BLOB NOT NULL DEFAULT x'';
CREATE INDEX deliveries_replay ON deliveries (organization_id, event_ref) WHERE length(replay_of) > 0;

-- A replay is a match more than the event had when it was accepted.
-- +goose StatementBegin
CREATE TRIGGER ledger_of_replay AFTER INSERT ON deliveries WHEN NEW.replay_of <> x'' BEGIN
    UPDATE ledgers SET matched = matched + 1 WHERE organization_id = NEW.organization_id;
END;
-- +goose StatementEnd

-- Events from before are gone or about to go, but for those that live deliveries need: no delivery of such an event is made live again.
ALTER TABLE payload_progress ADD COLUMN dropping_before BIGINT NOT NULL DEFAULT 0;

-- Jobs that send many again. position is how far one has come, paced_to up to when its rate is used up.
CREATE TABLE resends (
    organization_id BLOB    NOT NULL REFERENCES organizations (id),
    id              BLOB    NOT NULL,
    kind            TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    sandbox         BOOLEAN,
    subscription_id BLOB,
    status          TEXT    NOT NULL,
    event_name      TEXT    NOT NULL,
    from_at         BIGINT  NOT NULL,
    to_at           BIGINT  NOT NULL,
    rate            INTEGER NOT NULL,
    position        BLOB,
    paced_to        BIGINT  NOT NULL,
    sent            BIGINT  NOT NULL,
    skipped         BIGINT  NOT NULL,
    created_at      BIGINT  NOT NULL,
    created_by      BLOB,
    updated_at      BIGINT  NOT NULL,
    ended_at        BIGINT  NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX resends_running ON resends (id) WHERE ended_at = 0;
