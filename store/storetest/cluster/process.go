package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// binaries finds the folder of the newest local Postgres.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(real), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian keeps them, outside of PATH
	if err != nil || len(found) == 0 {
		return "", errors.New("no Postgres server on this machine: install it (on Debian: apt-get install postgresql)")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// unprivileged gives the folder to the user postgres when this process runs as root, which Postgres refuses to run as.
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

// startTied starts a process that the kernel signals when this one ends, however it ends. The signal is tied to the thread that
// forked, so that thread is kept for as long as the process runs. The channel is closed when it has ended.
func startTied(cmd *exec.Cmd) (<-chan struct{}, error) {
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	return ended, <-started
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
func waitForSocket(ctx context.Context, path string, ended <-chan struct{}) error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return errors.New("postgres ended at once")
		case <-deadline.C:
			return fmt.Errorf("postgres did not come up within %v", startTimeout)
		case <-poll.C:
		}
	}
}
