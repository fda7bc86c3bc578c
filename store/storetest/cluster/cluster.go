package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// How long a server may take to come up and to end. Failure policy: a machine that is slower than this is too busy for either purpose,
// so starting fails with the server's log, and ending gives up being gentle.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
)

// room is what memory must have left for a server that is not durable, in bytes: a few hundred databases of 10 MiB, for each of several
// test binaries at the same time.
const room = 8 << 30

// Options says what a server is for.
type Options struct {
	// Durable syncs to disk as a server in production does. Without it nothing is synced and the data is kept in memory where there is
	// room, because tests end processes and not the machine.
	Durable bool
	// Statements loads pg_stat_statements where the machine has it; see [Cluster.Counts].
	Statements bool
}

// Cluster is a private Postgres server.
type Cluster struct {
	dir    string
	counts bool
	server *exec.Cmd
	ended  <-chan struct{}
	// keepAlive is the pipe by whose closing the cleaner learns that the folder may go.
	keepAlive io.Closer
}

// Start makes a server in a temporary folder. It may not take connections yet when Start returns: ping it.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	parent := "" // where temporary files go
	if !o.Durable {
		parent = MemoryFolder(room)
	}
	dir, err := os.MkdirTemp(parent, "hookrouter-pg-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	account, err := unprivileged(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	keepAlive, err := startCleaner(context.WithoutCancel(ctx), dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c := &Cluster{dir: dir, keepAlive: keepAlive, counts: o.Statements && hasStatements(bin)}
	if err := c.start(ctx, bin, account, o.Durable); err != nil {
		return nil, errors.Join(err, keepAlive.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, bin string, account *syscall.SysProcAttr, durable bool) error {
	data := filepath.Join(c.dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N") // #nosec G204 -- the machine's own
	initdb.Dir, initdb.SysProcAttr = c.dir, account
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	logFile, err := os.Create(filepath.Join(c.dir, "log")) // #nosec G304 -- our own folder
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	defer logFile.Close() // the server has its own
	args := []string{
		"-D", data, "-k", c.dir, "-c", "listen_addresses=", "-c", "max_connections=300", "-c", "shared_buffers=64MB",
		"-c", "dynamic_shared_memory_type=mmap",
	}
	if durable {
		args = append(args, "-c", "max_wal_size=4GB")
	} else { // no log is kept for longer than it must be: it may lie in memory
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_wal_size=256MB", "-c", "wal_level=minimal", "-c", "max_wal_senders=0")
	}
	if c.counts {
		args = append(args, "-c", "shared_preload_libraries=pg_stat_statements")
	}
	c.server = exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(bin, "postgres"), args...) // #nosec G204 -- as above
	c.server.Dir, c.server.SysProcAttr, c.server.Stdout, c.server.Stderr = c.dir, account, logFile, logFile
	if c.ended, err = startTied(c.server); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	if err := waitForSocket(ctx, filepath.Join(c.dir, ".s.PGSQL.5432"), c.ended); err != nil {
		_ = c.server.Process.Signal(syscall.SIGQUIT) // it may have ended already
		text, _ := os.ReadFile(logFile.Name())
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

// hasStatements tells whether the library is where distributions put it, beside the folder of the programs.
func hasStatements(bin string) bool {
	found, err := filepath.Glob(filepath.Join(bin, "..", "lib", "pg_stat_statements.so"))
	return err == nil && len(found) > 0
}

// URL is the address of a database of the cluster, as the user postgres.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: url.Values{"host": {c.dir}}.Encode()}
	return u.String()
}

// PID is the process whose children serve the connections.
func (c *Cluster) PID() int { return c.server.Process.Pid }

// Counts reports whether statements are counted: a database has the view after CREATE EXTENSION pg_stat_statements.
func (c *Cluster) Counts() bool { return c.counts }

// Stop ends the server, cutting connections off, and removes its folder. Without it both go with the process.
func (c *Cluster) Stop() error {
	err := c.server.Process.Signal(syscall.SIGINT) // Postgres' fast shutdown
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	late := time.NewTimer(stopTimeout)
	defer late.Stop()
	select {
	case <-c.ended:
	case <-late.C:
		err = errors.Join(err, c.server.Process.Signal(syscall.SIGQUIT))
		<-c.ended
	}
	return errors.Join(err, c.keepAlive.Close())
}
