package store

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Instances lists the processes that send, those that are not dead first and then by their number. There are a few; a dead one is listed for
// some minutes. Instances of the role api send nothing and are not in it.
func (s *Store) Instances(ctx context.Context, now time.Time) ([]models.Instance, error) {
	var rows []struct {
		ID                            int64
		Name                          string
		StartedAt, HeartbeatAt, Clock int64
		Dead, Swept                   bool
	}
	err := s.reader(ctx).Raw("SELECT id, name, started_at, heartbeat_at, dead, swept, ? AS clock FROM instances ORDER BY dead, id",
		s.dialect.clock(now)).Scan(&rows).Error
	list := make([]models.Instance, len(rows))
	for i, r := range rows {
		list[i] = models.Instance{
			ID: r.ID, Name: r.Name, StartedAt: instant(r.StartedAt), HeartbeatAt: instant(r.HeartbeatAt),
			Silent: max(time.Duration(r.Clock-r.HeartbeatAt)*time.Millisecond, 0), Dead: r.Dead, Swept: r.Swept,
		}
	}
	return list, wrap("list instances", err)
}

// QueueFloor is the id from which on the queue is looked at. On SQLite it is never moved.
func (s *Store) QueueFloor(ctx context.Context) (models.ID, error) {
	var floor []uid
	err := s.reader(ctx).Raw("SELECT floor FROM queue_floor WHERE id = 1").Scan(&floor).Error
	if err != nil || len(floor) == 0 {
		return models.ID{}, wrap("read the queue's floor", err)
	}
	return models.ID(floor[0]), nil
}

// Storage says what the database takes up, with up to most days of its large tables, newest first.
func (s *Store) Storage(ctx context.Context, most int) (models.Storage, error) {
	found, err := s.dialect.storage(s.reader(ctx), most)
	return found, wrap("read what is stored", err)
}

// partsSQL costs a look at the catalog and at the sizes of files, and none at a row.
const partsSQL = `
SELECT p.relname AS "table", right(c.relname, 8) AS day, c.relname LIKE '%\_default' AS loose, c.reltuples::bigint AS rows,
  pg_total_relation_size(c.oid) AS bytes
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relkind = 'p' AND p.relname IN ('events', 'deliveries', 'attempts')
ORDER BY loose DESC, day DESC, p.relname LIMIT ?`

func (postgresDialect) storage(db *gorm.DB, most int) (models.Storage, error) {
	out := models.Storage{Free: -1}
	if err := db.Raw("SELECT pg_database_size(current_database())").Scan(&out.Bytes).Error; err != nil {
		return out, err
	}
	var rows []struct {
		Table string
		Day   string
		Loose bool
		Rows  int64
		Bytes int64
	}
	if err := db.Raw(partsSQL, most+1).Scan(&rows).Error; err != nil {
		return out, err
	}
	for _, r := range rows[:min(most, len(rows))] {
		p := models.Part{Table: r.Table, Rows: r.Rows, Bytes: r.Bytes}
		if day, err := time.Parse("20060102", strings.TrimSpace(r.Day)); err == nil && !r.Loose {
			p.Day = day
		}
		out.Parts = append(out.Parts, p)
	}
	out.More = len(rows) > most
	return out, nil
}

// storage reads the head of the file. SQLite has no days, and to tell how large a table is would take reading it.
func (*sqliteDialect) storage(db *gorm.DB, _ int) (out models.Storage, err error) {
	err = db.Raw(`SELECT page_count * page_size AS bytes, freelist_count * page_size AS free
		FROM pragma_page_count(), pragma_page_size(), pragma_freelist_count()`).Row().Scan(&out.Bytes, &out.Free)
	return out, err
}
