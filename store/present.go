package store

import (
	"time"

	"gorm.io/gorm"
)

// present is the moment by which things are removed for good: now, or the server's clock where that is earlier. So an instance whose clock
// is ahead, by a year say, does not remove what others would keep for a year. One whose clock is behind merely leaves it to them.
func (s *Store) present(db *gorm.DB, now time.Time) (time.Time, error) {
	if s.aheadOfServer {
		return now, nil
	}
	var clock int64
	if err := db.Raw("SELECT ?", s.dialect.clock(now)).Row().Scan(&clock); err != nil {
		return time.Time{}, err
	}
	if server := instant(clock); server.Before(now) {
		return server, nil
	}
	return now, nil
}
