package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// cluster is a private Postgres server.
type cluster struct {
	socketDir string
	// keepAlive is the pipe by whose closing the cleaner learns that this process has ended.
	keepAlive io.Closer
}

// startCluster makes a server in a temporary folder that listens on a Unix socket there and nowhere else, so that there is no port
// to be raced for. It does not sync to disk: tests end their processes, not the machine.
func startCluster(ctx context.Context) (*cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hookrouter-pg-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	account, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	keepAlive, err := startCleaner(context.WithoutCancel(ctx), dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N") // #nosec G204 -- the machine's own
	initdb.Dir, initdb.SysProcAttr = dir, account
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	logFile, err := os.Create(filepath.Join(dir, "log")) // #nosec G304 -- our own folder
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	server := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", // #nosec G204 -- as above
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "shared_buffers=256MB",
		"-c", "max_wal_size=4GB", "-c", "dynamic_shared_memory_type=mmap")
	server.Dir, server.SysProcAttr, server.Stdout, server.Stderr = dir, account, logFile, logFile
	if err := startTied(server); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	if err := waitForSocket(filepath.Join(dir, ".s.PGSQL.5432")); err != nil {
		text, _ := os.ReadFile(logFile.Name())
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return &cluster{socketDir: dir, keepAlive: keepAlive}, nil
}

// url is the address of a database of the cluster.
func (c *cluster) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: url.Values{"host": {c.socketDir}}.Encode()}
	return u.String()
}

// binaries finds the folder of the newest local Postgres.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(real), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian keeps them, outside of PATH
	if err != nil || len(found) == 0 {
		return "", errors.New("no Postgres server on this machine: install it (on Debian: apt-get install postgresql), " +
			"or set TEST_POSTGRES_URL to a server that may be used")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// unprivileged gives the folder to the user postgres when the tests run as root, which Postgres refuses to run as.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	// SIGQUIT is Postgres' immediate shutdown. It is as sudden as SIGKILL, but takes the server's own children along and gives its
	// shared memory back.
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("find a user to run Postgres as: %w", err)
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read user id: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read group id: %w", err)
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, fmt.Errorf("give folder away: %w", err)
	}
	return attr, nil
}

// startTied starts a process that the kernel kills when this one ends, however it ends. The signal is tied to the thread that
// forked, so that thread is kept for as long as the process runs.
func startTied(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it ends with this process, and nobody is left to tell
		}
	}()
	return <-started
}

// startCleaner starts a shell that removes the folder when this process has ended and closed its pipe. It has its own process
// group, so that an interrupt from the terminal does not reach it.
func startCleaner(ctx context.Context, dir string) (io.Closer, error) {
	const script = `read _; i=0; while ! rm -rf "$0" && [ $i -lt 50 ]; do i=$((i+1)); sleep 0.1; done`
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", script, dir) // #nosec G204 -- a folder that we made
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start cleaner: %w", err)
	}
	return pipe, nil
}

// waitForSocket waits until the server has made its socket, which it does before it takes connections; those that come too early
// are told so and try again.
func waitForSocket(path string) error {
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-deadline.C:
			return errors.New("postgres did not come up within 30 s")
		case <-poll.C:
		}
	}
}
