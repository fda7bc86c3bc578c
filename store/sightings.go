package store

import (
	"context"
	"time"

	"hookrouter/models"
)

// Sightings counts the names of an environment's events that were accepted since an instant, out of the latest scan events of the
// organization. It reads no data, and never more than scan rows: a name that is not among them may have come earlier, unless the answer is
// Complete.
func (s *Store) Sightings(ctx context.Context, org models.ID, sandbox bool, since time.Time, scan int) (models.Sightings, error) {
	// One event more than may be looked at tells whether there are more.
	var rows []struct {
		Name    string
		Sandbox bool
		Count   int
		First   int64
		Last    int64
	}
	latest := s.reader(ctx).Table("events").Select("name, sandbox, accepted_at").
		Where("organization_id = ? AND ref >= ? AND accepted_at >= ?", uid(org), uid(models.FloorID(since.Add(-clockSlack))), ms(since)).
		Order("ref DESC").Limit(scan + 1)
	err := s.reader(ctx).Table("(?) latest", latest).
		Select("name, sandbox, count(*) AS count, min(accepted_at) AS first, max(accepted_at) AS last").
		Group("name, sandbox").Order("name").Scan(&rows).Error
	if err != nil {
		return models.Sightings{}, wrap("count recent events", err)
	}
	out, all, oldest := models.Sightings{Since: since}, 0, int64(0)
	for _, row := range rows {
		if all += row.Count; oldest == 0 || row.First < oldest {
			oldest = row.First
		}
		if row.Sandbox == sandbox {
			out.Events += row.Count
			out.Names = append(out.Names, models.Sighting{Name: row.Name, Count: row.Count, Last: instant(row.Last)})
		}
	}
	if out.Complete = all <= scan; !out.Complete {
		out.Since = instant(oldest)
	}
	return out, nil
}
