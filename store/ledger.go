package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"hookrouter/models"
)

// entry is what one transaction changes in the ledger of one organization. On Postgres every transaction that moves deliveries writes
// its entries with them, as new rows: there is no counter that all would have to lock, and no crash can come between a move and its
// entry. [Store.FoldLedger] sums the rows up now and then.
type entry struct {
	org                         models.ID
	events, matched             int64
	pending, delivering         int64
	retrying, parked            int64
	delivered, failed, canceled int64
}

// ledgerColumns are those of both tables, in the order of entry.
const ledgerColumns = "events, matched, pending, delivering, retrying, parked, delivered, failed, canceled"

// entries are a transaction's, one for each organization, in the order in which these came up.
type entries struct {
	list []entry
	at   map[models.ID]int
}

func (e *entries) of(org models.ID) *entry {
	if n := len(e.list); n > 0 && e.list[n-1].org == org { // most batches are one organization's
		return &e.list[n-1]
	}
	if e.at == nil {
		e.at = make(map[models.ID]int)
	}
	i, ok := e.at[org]
	if !ok {
		i = len(e.list)
		e.at[org] = i
		e.list = append(e.list, entry{org: org})
	}
	return &e.list[i]
}

// add counts n deliveries more in a status.
func (e *entry) add(status models.DeliveryStatus, n int64) {
	switch status {
	case models.StatusPending:
		e.pending += n
	case models.StatusDelivering:
		e.delivering += n
	case models.StatusRetrying:
		e.retrying += n
	case models.StatusParked:
		e.parked += n
	case models.StatusDelivered:
		e.delivered += n
	case models.StatusFailed:
		e.failed += n
	case models.StatusCanceled:
		e.canceled += n
	}
}

// move counts a delivery that goes from one status to another.
func (e *entries) move(org models.ID, from, to models.DeliveryStatus) {
	entry := e.of(org)
	entry.add(from, -1)
	entry.add(to, 1)
}

// accepted are the entries of a batch of events that is stored whole.
func accepted(batch []*models.Accepted) []entry {
	var e entries
	for _, a := range batch {
		entry := e.of(a.Event.OrganizationID)
		entry.events++
		entry.matched += int64(a.Event.Matched)
		for i := range a.Deliveries {
			entry.add(a.Deliveries[i].Status, 1)
		}
	}
	return e.list
}

// enter writes entries within the transaction whose moves they are.
func (postgresDialect) enter(tx *gorm.DB, list []entry) error {
	return chunks(len(list), func(from, to int) error {
		args := make([]any, 0, (to-from)*10)
		for i := from; i < to; i++ {
			e := &list[i]
			args = append(args, uid(e.org), e.events, e.matched, e.pending, e.delivering, e.retrying, e.parked, e.delivered, e.failed, e.canceled)
		}
		return tx.Exec("INSERT INTO ledger_entries (organization_id, "+ledgerColumns+") VALUES "+values(to-from, 10), args...).Error
	})
}

// enter does nothing: on SQLite, triggers keep the sums, because one writer need not fear to lock a counter.
func (*sqliteDialect) enter(*gorm.DB, []entry) error { return nil }

// FoldLedger adds the entries written since the last time to the organizations' sums. It changes nothing that can be read, and any
// number of instances may do it at once. Without it the ledger would become slow to read, not wrong.
func (s *Store) FoldLedger(ctx context.Context) error {
	return wrap("fold the ledger", s.dialect.foldLedger(s.writer(ctx)))
}

func (postgresDialect) foldLedger(db *gorm.DB) error {
	return db.Exec(`WITH gone AS (DELETE FROM ledger_entries RETURNING *)
INSERT INTO ledgers (organization_id, ` + ledgerColumns + `)
SELECT organization_id, sum(events), sum(matched), sum(pending), sum(delivering), sum(retrying), sum(parked), sum(delivered), sum(failed),
       sum(canceled)
FROM gone GROUP BY organization_id ORDER BY organization_id
ON CONFLICT (organization_id) DO UPDATE SET events = ledgers.events + excluded.events, matched = ledgers.matched + excluded.matched,
  pending = ledgers.pending + excluded.pending, delivering = ledgers.delivering + excluded.delivering,
  retrying = ledgers.retrying + excluded.retrying, parked = ledgers.parked + excluded.parked,
  delivered = ledgers.delivered + excluded.delivered, failed = ledgers.failed + excluded.failed,
  canceled = ledgers.canceled + excluded.canceled`).Error
}

func (*sqliteDialect) foldLedger(*gorm.DB) error { return nil }

func (postgresDialect) ledgerRows() string {
	return "(SELECT organization_id, " + ledgerColumns + " FROM ledgers UNION ALL SELECT organization_id, " + ledgerColumns + " FROM ledger_entries)"
}

func (*sqliteDialect) ledgerRows() string { return "ledgers" }

const ledgerSQL = `
SELECT o.id AS organization_id, o.name, coalesce(sum(l.events), 0) AS events, coalesce(sum(l.matched), 0) AS matched,
       coalesce(sum(l.pending), 0) AS pending, coalesce(sum(l.delivering), 0) AS delivering, coalesce(sum(l.retrying), 0) AS retrying,
       coalesce(sum(l.parked), 0) AS parked, coalesce(sum(l.delivered), 0) AS delivered, coalesce(sum(l.failed), 0) AS failed,
       coalesce(sum(l.canceled), 0) AS canceled
FROM organizations o LEFT JOIN %s l ON l.organization_id = o.id
GROUP BY o.id, o.name ORDER BY o.name, o.id`

// ledgerRow is a line of the ledger.
type ledgerRow struct {
	OrganizationID                                           uid
	Name                                                     string
	Events, Matched                                          int64
	Pending, Delivering, Retrying, Parked, Delivered, Failed int64
	Canceled                                                 int64
}

// Ledger is every organization's ledger at one moment, by name, from the entries: its cost does not depend on how many events and
// deliveries there are, and it goes on counting those that retention has removed.
func (s *Store) Ledger(ctx context.Context) ([]models.Ledger, error) {
	var rows []ledgerRow
	if err := s.reader(ctx).Raw(fmt.Sprintf(ledgerSQL, s.dialect.ledgerRows())).Scan(&rows).Error; err != nil {
		return nil, wrap("read the ledger", err)
	}
	list := make([]models.Ledger, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = models.Ledger{
			OrganizationID: models.ID(r.OrganizationID), Organization: r.Name, Events: r.Events, Expected: r.Matched,
			ByStatus: map[models.DeliveryStatus]int64{
				models.StatusPending: r.Pending, models.StatusDelivering: r.Delivering, models.StatusRetrying: r.Retrying,
				models.StatusParked: r.Parked, models.StatusDelivered: r.Delivered, models.StatusFailed: r.Failed,
				models.StatusCanceled: r.Canceled,
			},
		}
	}
	return list, nil
}

const countSQL = `
SELECT id AS organization_id, name AS what, 0 AS kind, 0 AS n, 0 AS matched FROM organizations
UNION ALL
SELECT organization_id, '', 1, count(*), sum(matched) FROM events GROUP BY organization_id
UNION ALL
SELECT organization_id, status, 2, count(*), 0 FROM deliveries GROUP BY organization_id, status
UNION ALL
SELECT organization_id, '', 3, 0, count(*) FROM deliveries WHERE ` + replaySQL + ` GROUP BY organization_id
ORDER BY kind, what, organization_id`

// CountLedger counts the rows themselves, by one query that reads all of them. Where nothing was ever removed it must equal
// [Store.Ledger]; it is there to prove that.
func (s *Store) CountLedger(ctx context.Context) ([]models.Ledger, error) {
	var rows []struct {
		OrganizationID uid
		Kind           int
		What           string
		N              int64
		Matched        int64
	}
	err := s.read.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.dialect.patient(tx); err != nil {
			return err
		}
		return tx.Raw(countSQL).Scan(&rows).Error
	})
	if err != nil {
		return nil, wrap("count the ledger", err)
	}
	var list []models.Ledger
	at := map[uid]int{}
	for _, r := range rows {
		if r.Kind == 0 {
			at[r.OrganizationID] = len(list)
			ledger := models.Ledger{OrganizationID: models.ID(r.OrganizationID), Organization: r.What, ByStatus: map[models.DeliveryStatus]int64{}}
			for _, status := range models.Statuses() {
				ledger.ByStatus[status] = 0
			}
			list = append(list, ledger)
			continue
		}
		i, ok := at[r.OrganizationID]
		switch {
		case !ok: // nothing of a tenant can exist without it
		case r.Kind == 1:
			list[i].Events, list[i].Expected = r.N, r.Matched
		case r.Kind == 3: // replays, each a match more
			list[i].Expected += r.Matched
		case r.Kind == 2:
			list[i].ByStatus[models.DeliveryStatus(r.What)] = r.N
		}
	}
	return list, nil
}
