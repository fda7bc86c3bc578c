package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// masterKey seals the secrets of a database that lives as long as a measurement.
const masterKey = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="

// router is the program under measurement.
type router struct {
	folder string
	url    string
	key    string
	env    []string
	cmd    *exec.Cmd
	log    bytes.Buffer
}

// startRouter builds the program where none was named, makes a key, starts it and waits until it is ready.
func startRouter(ctx context.Context, o options) (*router, error) {
	folder, err := os.MkdirTemp("", "hookbench-")
	if err != nil {
		return nil, err
	}
	r := &router{folder: folder}
	if err := r.start(ctx, o); err != nil {
		r.stop()
		return nil, fmt.Errorf("start the program: %w\n%s", err, r.log.String())
	}
	return r, nil
}

func (r *router) start(ctx context.Context, o options) error {
	binary := o.binary
	if binary == "" {
		binary = filepath.Join(r.folder, "hookrouter")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "hookrouter/cmd/hookrouter").CombinedOutput(); err != nil { //nolint:gosec // our own module
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	database := o.databaseURL
	if database == "" {
		database = "sqlite://" + filepath.Join(r.folder, "bench.db")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	r.url = "http://" + address
	r.env = []string{
		"HOOKROUTER_LISTEN=" + address, "HOOKROUTER_DATABASE_URL=" + database, "HOOKROUTER_MASTER_KEY=" + masterKey,
		"HOOKROUTER_ENDPOINT_SCHEMES=http", "HOOKROUTER_EGRESS_ALLOW=127.0.0.1/32", "HOOKROUTER_LOG_LEVEL=warn",
		"HOOKROUTER_API_LIMIT_MINUTE=0", "HOOKROUTER_API_LIMIT_HOUR=0", "HOOKROUTER_QUOTA_SUBSCRIPTIONS=0",
	}
	name := "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	keys := exec.CommandContext(ctx, binary, "keys", "create", "--organization", name, "--role", "admin") //nolint:gosec // the user's own argument
	keys.Env, keys.Stderr = r.env, &r.log
	key, err := keys.Output()
	if err != nil {
		return err
	}
	r.key = strings.TrimSpace(string(key))
	r.cmd = exec.Command(binary, "serve") //nolint:gosec,noctx // the user's own argument; stop ends it gently
	r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = r.env, &r.log, &r.log
	if err := r.cmd.Start(); err != nil {
		return err
	}
	return r.ready(ctx)
}

func (r *router) ready(ctx context.Context) error {
	for range 3000 {
		if status, err := r.call(ctx, http.MethodGet, "/readyz", nil); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("not ready after 30 s")
}

func (r *router) pid() int { return r.cmd.Process.Pid }

// stop ends the program and removes its folder.
func (r *router) stop() {
	if r.cmd != nil && r.cmd.Process != nil {
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		_ = r.cmd.Wait()
	}
	_ = os.RemoveAll(r.folder)
}

// subscribe makes the subscriptions that match, one path of the receiver each, and those that don't.
func (r *router) subscribe(ctx context.Context, in *receiver, fanout, strangers int) error {
	for i := range fanout + strangers {
		events := []string{"signature_request.done"}
		if i >= fanout {
			events = []string{"signer.error", "contact.created"}
		}
		status, err := r.call(ctx, http.MethodPost, "/v3/webhooks", map[string]any{
			"endpoint": in.url + "/" + strconv.Itoa(i), "description": nil, "sandbox": false, "subscribed_events": events,
			"scopes": []string{"*"}, "auto_retry": true, "enabled": true,
		})
		if err != nil || status != http.StatusCreated {
			return fmt.Errorf("subscribe: status %d: %w", status, err)
		}
	}
	return nil
}

func (r *router) call(ctx context.Context, method, path string, body any) (int, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
