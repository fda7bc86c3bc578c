package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest/cluster"
)

// The databases, as [store.Store.Dialect] names them.
const (
	postgres = "postgres"
	sqlite   = "sqlite"
)

// organization is the tenant that everything is measured in.
const organization = "bench"

// database is a fresh one for each measurement.
type database struct {
	bench *bench
	url   string
	path  string  // SQLite's file
	name  string  // on the cluster
	conn  *sql.DB // to it, for its counters; nil on SQLite
	pid   int     // of its server; 0 where the program itself is the server
}

func (b *bench) startPostgres(ctx context.Context) error {
	var err error
	if b.cluster, err = cluster.Start(ctx, cluster.Options{Durable: true, Statements: true}); err != nil {
		return err
	}
	if b.admin, err = sql.Open("pgx", b.cluster.URL("postgres")); err != nil {
		return err
	}
	for b.admin.PingContext(ctx) != nil { // it comes up, or Start would have said so
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("wait for Postgres: %w", err)
		}
	}
	if !b.cluster.Counts() {
		return nil
	}
	template, err := sql.Open("pgx", b.cluster.URL("template1"))
	if err != nil {
		return err
	}
	_, err = template.ExecContext(ctx, "CREATE EXTENSION pg_stat_statements")
	return errors.Join(err, template.Close())
}

// content is what is in a database before the program starts.
type content struct {
	put func(context.Context, *filler) error
	// name keeps a copy, for the next measurement that asks for the same; "" does not.
	name string
}

// newDatabase makes an empty database, or one with something in it. What earlier ones left to be written is written first.
func (b *bench) newDatabase(ctx context.Context, dialect string, c *content) (*database, error) {
	if c == nil {
		return b.emptyDatabase(ctx, dialect, "")
	}
	if c.name == "" {
		return b.filledDatabase(ctx, dialect, c)
	}
	key := dialect + " " + c.name
	if b.kept[key] == nil {
		d, err := b.filledDatabase(ctx, dialect, c)
		if err != nil {
			return nil, err
		}
		b.kept[key] = d
		if d.conn != nil {
			if err := d.conn.Close(); err != nil { // Postgres copies no database that someone is connected to
				return nil, err
			}
		}
	}
	if dialect == sqlite {
		d, err := b.emptyDatabase(ctx, dialect, "")
		if err != nil {
			return nil, err
		}
		return d, copyFile(d.path, b.kept[key].path)
	}
	return b.emptyDatabase(ctx, dialect, b.kept[key].name)
}

func (b *bench) filledDatabase(ctx context.Context, dialect string, c *content) (*database, error) {
	d, err := b.emptyDatabase(ctx, dialect, "")
	if err != nil {
		return nil, err
	}
	return d, d.fill(ctx, c.put)
}

// emptyDatabase makes one with nothing in it, or on Postgres with what is in a template.
func (b *bench) emptyDatabase(ctx context.Context, dialect, template string) (*database, error) {
	b.made++
	name := fmt.Sprintf("bench_%d", b.made)
	if dialect == sqlite {
		path := filepath.Join(b.folder, name+".db")
		return &database{bench: b, url: "sqlite://" + path, path: path}, b.flush(ctx)
	}
	query := "CREATE DATABASE " + name + " TEMPLATE " + cmp.Or(template, "template1") //nolint:gosec // names are ours and numbered
	if _, err := b.admin.ExecContext(ctx, query); err != nil {
		return nil, fmt.Errorf("make a database: %w", err)
	}
	if err := b.flush(ctx); err != nil {
		return nil, err
	}
	d := &database{bench: b, url: b.cluster.URL(name), name: name, pid: b.cluster.PID()}
	var err error
	if d.conn, err = sql.Open("pgx", d.url); err != nil {
		return nil, err
	}
	d.conn.SetMaxOpenConns(1)
	return d, nil
}

// flush writes down what was left to be written, so that it is not written while something is measured.
func (b *bench) flush(ctx context.Context) error {
	if !b.sizes.timed {
		return nil
	}
	if b.admin != nil {
		if _, err := b.admin.ExecContext(ctx, "CHECKPOINT"); err != nil {
			return fmt.Errorf("write a checkpoint: %w", err)
		}
	}
	syscall.Sync()
	return nil
}

// drop removes the database, so that it takes neither disk nor the server's attention from the next.
func (d *database) drop(ctx context.Context) error {
	if d.conn == nil {
		var errs []error
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			if err := os.Remove(d.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	err := d.conn.Close()
	_, dropErr := d.bench.admin.ExecContext(ctx, "DROP DATABASE "+d.name+" WITH (FORCE)")
	return errors.Join(err, dropErr)
}

// fill migrates the database and lets fn put rows into it, before the program starts. Nothing of this is measured, so nothing of it is
// synced one commit at a time: the server's fsync is off meanwhile, and SQLite's file is made in memory and copied.
func (d *database) fill(ctx context.Context, fn func(context.Context, *filler) error) error {
	if d.conn != nil {
		if err := d.bench.setSync(ctx, "off"); err != nil {
			return err
		}
		return errors.Join(fillStore(ctx, d.url, fn), d.bench.setSync(ctx, "on"))
	}
	const memory = "/dev/shm"
	folder, err := os.MkdirTemp(memory, "hookbench-")
	if err != nil {
		return fillStore(ctx, d.url, fn) // no file system in memory here: slower, but the same in the end
	}
	path := filepath.Join(folder, "bench.db")
	err = fillStore(ctx, "sqlite://"+path, fn)
	if err == nil {
		err = copyFile(d.path, path)
	}
	return errors.Join(err, os.RemoveAll(folder), d.bench.flush(ctx))
}

// setSync switches the whole server. What was not synced is written down before anything is measured.
func (b *bench) setSync(ctx context.Context, state string) error {
	for _, query := range []string{"ALTER SYSTEM SET fsync = " + state, "SELECT pg_reload_conf()"} {
		if _, err := b.admin.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("switch fsync %s: %w", state, err)
		}
	}
	return b.flush(ctx)
}

func copyFile(to, from string) error {
	in, err := os.Open(from) //nolint:gosec // our own folder
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// filler puts rows into a database that no program serves.
type filler struct {
	*store.Store
	organization models.ID
}

func fillStore(ctx context.Context, url string, fn func(context.Context, *filler) error) error {
	key, err := base64.StdEncoding.DecodeString(masterKey)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Options{URL: url, MasterKeys: [][]byte{key}})
	if err != nil {
		return err
	}
	if err := s.Migrate(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	org := models.Organization{ID: newID(), Name: organization, CreatedAt: time.Now()}
	err = s.CreateOrganization(ctx, org)
	if err == nil {
		err = fn(ctx, &filler{s, org.ID})
	}
	return errors.Join(err, s.Close())
}

func newID() models.ID { return models.ID(uuid.Must(uuid.NewV7())) }

// subscribe stores a subscription to one event name.
func (f *filler) subscribe(ctx context.Context, endpoint, event string) (*models.Subscription, error) {
	sub := &models.Subscription{
		OrganizationID: f.organization, Enabled: true, Events: []models.Pattern{models.Pattern(event)}, Scopes: []string{models.Any},
		Workspaces: []string{models.Any}, Endpoint: endpoint, Secret: models.NewSecret(secret), Format: models.FormatYousign, AutoRetry: true,
	}
	return sub, f.CreateSubscription(ctx, sub, 0, models.ID{})
}

// secret is every subscription's here: nothing verifies the signatures.
const secret = "abcdefghijklmnopqrstuvwxyz012345"

// strangers are subscriptions that no event of ours matches.
func strangers(n int) *content {
	return &content{name: fmt.Sprintf("%d strangers", n), put: func(ctx context.Context, f *filler) error {
		for i := range n {
			if _, err := f.subscribe(ctx, "http://127.0.0.1:1/", []string{"signer.error", "contact.created"}[i%2]); err != nil {
				return err
			}
		}
		return nil
	}}
}

// statements is how many the server has run in this database, without those that ask for it. It is false where nobody counts.
func (d *database) statements(ctx context.Context) (int64, bool, error) {
	if d.conn == nil || !d.bench.cluster.Counts() {
		return 0, false, nil
	}
	var n int64
	err := d.conn.QueryRowContext(ctx, `SELECT coalesce(sum(s.calls), 0)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
		WHERE d.datname = current_database() AND s.query NOT LIKE '%pg_stat_statements%'`).Scan(&n)
	return n, err == nil, err
}
