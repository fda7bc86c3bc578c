package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"hookrouter/delivery"
	"hookrouter/models"
	"hookrouter/store"
)

// What the doctor calls too much.
const (
	skewWarn = 2 * time.Second // times in logs and answers begin to disagree
	skewFail = time.Minute     // events may go to another day's partition than their time says, and others see them late
	lateWarn = time.Minute     // an oldest due delivery that waits for longer is not being sent as it should
	daysWarn = 3               // partitions ahead; maintenance keeps seven
)

// checkSettings looks for what reading the settings alone does not find.
func (d *doctor) checkSettings() {
	c := d.config
	before := d.failed
	for _, spec := range []struct{ key, value string }{{"retry_cron", c.RetryCron}, {"maintenance_cron", c.MaintenanceCron}} {
		if _, err := delivery.NewSchedule(spec.value, d.now(), slog.New(slog.DiscardHandler), func(context.Context) {}); err != nil {
			d.say(broken, "settings", "%s: %v", spec.key, err)
		}
	}
	d.checkRetention()
	if c.AdminToken == "" {
		d.say(suspect, "admin_token", "not set: /admin/v1 is off. Set HOOKROUTER_ADMIN_TOKEN to 16 characters or more to have it.")
	}
	if d.failed == before {
		d.say(fine, "settings", "%s are valid; GET /admin/v1/settings shows those of a running instance", counted(len(settings()), "setting"))
	}
}

// checkRetention looks for times that do nothing. Events and deliveries both have payloads.
func (d *doctor) checkRetention() {
	c := d.config
	within := func(whole time.Duration) bool { return whole > 0 && c.RetentionPayloads >= whole }
	if c.RetentionPayloads > 0 && within(c.RetentionEvents) && within(c.RetentionDeliveries) {
		d.say(suspect, "settings", "retention_payloads has no effect: events go earlier, after %s, and deliveries after %s.", c.RetentionEvents, c.RetentionDeliveries)
	}
}

// openDatabase connects without migrating anything, and reports whether there is something to look at.
func (d *doctor) openDatabase(ctx context.Context) bool {
	keys, err := findMasterKeys(d.config, keyOptional)
	if err != nil {
		d.say(broken, "master_key", "%v", err)
		keys = nil
	} else if len(keys) == 0 {
		d.say(broken, "master_key", "not set: `openssl rand -base64 32` makes one for HOOKROUTER_MASTER_KEY. Keep it: secrets in the database can't be read without.")
	}
	if path, ok := strings.CutPrefix(d.config.DatabaseURL, "sqlite://"); ok {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) { // opening it would make it
			d.say(broken, "database", "there is no file %s: HOOKROUTER_DATABASE_URL says where it is; serve or migrate makes a new one.", path)
			return false
		}
	}
	opened := false
	d.within(ctx, func(ctx context.Context) {
		start := d.now()
		d.db, err = store.Open(ctx, store.Options{URL: d.config.DatabaseURL, MasterKeys: keys, Now: d.now})
		if err != nil {
			d.say(broken, "database", "%v. Look at HOOKROUTER_DATABASE_URL and at the server.", err)
			return
		}
		opened = true
		d.say(fine, "database", "%s answers after %s", d.db.Dialect(), d.now().Sub(start).Round(time.Millisecond))
	})
	return opened
}

// checkDatabase looks at what is in the database, as far as its schema is this program's.
func (d *doctor) checkDatabase(ctx context.Context) {
	migrated := false
	d.within(ctx, func(ctx context.Context) {
		lacking, unknown, err := d.db.SchemaState(ctx)
		switch {
		case err != nil:
			d.say(broken, "schema", "%v", err)
		case len(lacking) > 0:
			d.say(broken, "schema", "%s to be made: run hookrouter migrate, or start serve.", counted(len(lacking), "migration"))
		case len(unknown) > 0:
			migrated = true
			d.say(suspect, "schema", "a newer version has migrated it: bring this program up to date.")
		default:
			migrated = true
			d.say(fine, "schema", "up to date")
		}
	})
	if !migrated {
		return
	}
	d.within(ctx, d.checkKey)
	d.within(ctx, d.checkVitals)
	d.within(ctx, d.checkInstances)
	d.within(ctx, d.checkLedger)
}

func (d *doctor) checkKey(ctx context.Context) {
	switch marked, err := d.db.MasterKeyFits(ctx); {
	case err != nil:
		d.say(broken, "master_key", "%v. Give the key that this database was made with; keys may stand in a list.", err)
	case !marked:
		d.say(fine, "master_key", "the database has none yet and takes the first that serve is started with")
	default:
		d.say(fine, "master_key", "fits the database")
	}
}

func (d *doctor) checkVitals(ctx context.Context) {
	asked := d.now()
	v, err := d.db.Vitals(ctx, asked)
	if err != nil {
		d.say(broken, "database", "%v", err)
		return
	}
	d.checkClock(asked, d.now(), v.Clock)
	switch ahead := v.PartitionsAhead; {
	case ahead < 0: // SQLite has none
	case ahead == 0:
		d.say(broken, "partitions", "there is none for tomorrow: rows will go to the default partition, which is slow. Start serve, or run hookrouter migrate.")
	case ahead < daysWarn:
		d.say(suspect, "partitions", "only %s ahead: maintenance does not run as it should. Look for maintenance.late in the log.", counted(ahead, "day"))
	default:
		d.say(fine, "partitions", "%s ahead", counted(ahead, "day"))
	}
	if late := asked.Sub(v.OldestDue); !v.OldestDue.IsZero() && late > lateWarn {
		d.say(suspect, "queue", "the oldest due delivery waits for %s: is an instance that sends running, and are endpoints slow? GET /admin/v1/lanes tells.", late.Round(time.Second))
	} else {
		d.say(fine, "queue", "nothing due waits for long")
	}
}

// checkClock compares the clock with the database's, which was read at some time between before and after.
func (d *doctor) checkClock(before, after, database time.Time) {
	skew := time.Duration(0)
	switch {
	case database.Before(before.Truncate(time.Millisecond)):
		skew = before.Sub(database)
	case database.After(after):
		skew = database.Sub(after)
	}
	switch skew = skew.Round(time.Millisecond); {
	case skew >= skewFail:
		d.say(broken, "clock", "it differs from the database's by %s: set both by NTP.", skew)
	case skew >= skewWarn:
		d.say(suspect, "clock", "it differs from the database's by %s: set both by NTP.", skew)
	default:
		d.say(fine, "clock", "agrees with the database's")
	}
}

func (d *doctor) checkInstances(ctx context.Context) {
	all, err := d.db.Instances(ctx, d.now())
	if err != nil {
		d.say(broken, "instances", "%v", err)
		return
	}
	live := 0
	for _, i := range all {
		if i.Live() {
			live++
		}
	}
	if live == 0 {
		d.say(suspect, "instances", "none that sends is running: deliveries wait. Start serve with the role all or worker.")
		return
	}
	d.say(fine, "instances", "%s of the role all or worker", counted(live, "live instance"))
}

func (d *doctor) checkLedger(ctx context.Context) {
	all, err := d.db.Ledger(ctx)
	if err != nil {
		d.say(broken, "ledger", "%v", err)
		return
	}
	var wrong []models.ID
	for _, l := range all {
		if !l.Balanced() {
			wrong = append(wrong, l.OrganizationID)
		}
	}
	if len(wrong) > 0 {
		d.say(broken, "ledger", "it does not add up for %s, such as %s. That is a bug: please report it.", counted(len(wrong), "organization"), wrong[0])
		return
	}
	d.say(fine, "ledger", "adds up for %s", counted(len(all), "organization"))
}
