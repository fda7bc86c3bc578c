-- Sending again. Both columns of deliveries are empty in nearly every row and then take a byte each.
--
-- asked is where a delivery that somebody wants to be sent at once goes back to when that fails. It is emptied when the attempt is recorded.
-- replay_of marks a replay: the id of the delivery that it repeats, or one byte where there was none. A replay's id does not begin as its
-- event's ref does, so the event's replays have an index. It never changes, so recording an attempt remains a HOT update.

-- +goose Up

ALTER TABLE deliveries ADD COLUMN asked text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN replay_of bytea NOT NULL DEFAULT '';
CREATE INDEX deliveries_replay ON deliveries (organization_id, event_ref) WHERE length(replay_of) > 0;

-- Events from before are gone or about to go, but for those that live deliveries need: no delivery of such an event is made live again.
ALTER TABLE payload_progress ADD COLUMN dropping_before bigint NOT NULL DEFAULT 0;

-- Jobs that send many again. position is how far one has come, paced_to up to when its rate is used up.
CREATE TABLE resends (
    organization_id uuid    NOT NULL REFERENCES organizations (id),
    id              uuid    NOT NULL,
    kind            text    NOT NULL,
    state           text    NOT NULL,
    sandbox         boolean,
    subscription_id uuid,
    status          text    NOT NULL,
    event_name      text    COLLATE "C" NOT NULL,
    from_at         bigint  NOT NULL,
    to_at           bigint  NOT NULL,
    rate            integer NOT NULL,
    position        uuid,
    paced_to        bigint  NOT NULL,
    sent            bigint  NOT NULL,
    skipped         bigint  NOT NULL,
    created_at      bigint  NOT NULL,
    created_by      uuid,
    updated_at      bigint  NOT NULL,
    ended_at        bigint  NOT NULL,
    PRIMARY KEY (organization_id, id)
) WITH (fillfactor = 50); -- a few rows, updated with every step
CREATE INDEX resends_running ON resends (id) WHERE ended_at = 0;
