-- Each event says by which revision of the rules it was matched; NULL in those from before. A subscription's version at a revision is
-- its last one up to there. See docs/adr/0021.

-- +goose Up

ALTER TABLE events ADD COLUMN revision BIGINT;
