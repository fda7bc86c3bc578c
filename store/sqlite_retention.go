package store

import (
	"context"

	"gorm.io/gorm"
)

// SQLite keeps all days in one table, so its rows go one by one, by the primary key of each organization. The pages that come free
// are used again; the file does not shrink. auto_vacuum would shrink it, for a write to the map of pointers at every page that moves
// and at the price of making it grow again the same day.

func (*sqliteDialect) loose() string { return "" }

// tryAlone has nothing to do: a transaction of the writer is alone.
func (*sqliteDialect) tryAlone(*gorm.DB) (bool, error) { return true, nil }

func (*sqliteDialect) dropDays(context.Context, *expiry, cutoffs, []eventPlace) error { return nil }

// payloadBoundary is 0: one pass takes all that there is.
func (*sqliteDialect) payloadBoundary(*gorm.DB, int64) (int64, error) { return 0, nil }
