package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// masterKey seals the secrets of a database that lives as long as a measurement.
const masterKey = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="

// program is one instance of hookrouter. Its address stays the same over restarts.
type program struct {
	binary  string
	url     string
	metrics string // address of its metrics; "" where this version has none
	key     string
	env     []string
	cmd     *exec.Cmd
	log     tail
}

// newProgram chooses an address. It neither starts anything nor touches the database.
func newProgram(ctx context.Context, binary, databaseURL string, settings ...string) (*program, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p := &program{binary: binary, url: "http://" + address, env: append([]string{
		"HOOKROUTER_LISTEN=" + address, "HOOKROUTER_DATABASE_URL=" + databaseURL, "HOOKROUTER_MASTER_KEY=" + masterKey,
		"HOOKROUTER_ENDPOINT_SCHEMES=http", "HOOKROUTER_EGRESS_ALLOW=127.0.0.1/32", "HOOKROUTER_LOG_LEVEL=warn",
		"HOOKROUTER_API_LIMIT_MINUTE=0", "HOOKROUTER_API_LIMIT_HOUR=0", "HOOKROUTER_QUOTA_SUBSCRIPTIONS=0",
	}, settings...)}
	help, err := exec.CommandContext(ctx, binary, "serve", "--help").Output()
	if err != nil {
		return nil, fmt.Errorf("ask the program for its settings: %w", err)
	}
	if bytes.Contains(help, []byte("--metrics-listen")) {
		if p.metrics, err = freeAddress(ctx); err != nil {
			return nil, err
		}
		p.env = append(p.env, "HOOKROUTER_METRICS_LISTEN="+p.metrics)
	}
	return p, nil
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// makeKey makes an API key, and the organization where it is new.
func (p *program) makeKey(ctx context.Context, organization string) error {
	cmd := exec.CommandContext(ctx, p.binary, "keys", "create", "--organization", organization, "--role", "admin") //nolint:gosec // the user's own argument
	cmd.Env, cmd.Stderr = p.env, &p.log
	key, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("make a key: %w\n%s", err, p.log.String())
	}
	p.key = strings.TrimSpace(string(key))
	return nil
}

// start starts the program and waits until it is ready.
func (p *program) start(ctx context.Context) error {
	p.cmd = exec.Command(p.binary, "serve") //nolint:gosec,noctx // the user's own argument; stop ends it gently
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		return fmt.Errorf("start the program: %w", err)
	}
	for range 6000 {
		if status, err := p.call(ctx, http.MethodGet, "/readyz", nil); err == nil && status == http.StatusOK {
			return nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("the program was not ready after a minute\n%s", p.log.String())
}

func (p *program) pid() int { return p.cmd.Process.Pid }

// kill ends the program as a crash does.
func (p *program) kill() { p.end(syscall.SIGKILL) }

// stop ends the program gently, and hard where that takes longer than its own limits together.
func (p *program) stop() { p.end(syscall.SIGTERM) }

func (p *program) end(signal syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(signal)
	hard := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	hard.Stop()
	p.cmd = nil
}

// subscribe makes a subscription of the event that is published here for each path of the receiver from 0 up.
func (p *program) subscribe(ctx context.Context, in *receiver, more map[string]any) error {
	for i := range in.paths {
		body := map[string]any{
			"endpoint": in.url + "/" + strconv.Itoa(i), "description": nil, "sandbox": false, "subscribed_events": []string{eventName},
			"scopes": []string{"*"}, "auto_retry": true, "enabled": true,
		}
		for name, value := range more {
			body[name] = value
		}
		if body["entity_key"] == eachPath {
			body["entity_key"] = entityOf(i)
		}
		if status, err := p.call(ctx, http.MethodPost, "/v3/webhooks", body); err != nil || status != http.StatusCreated {
			return errors.Join(fmt.Errorf("subscribe: status %d", status), err)
		}
	}
	return nil
}

// subscribeStrangers makes subscriptions that no event of ours matches.
func (p *program) subscribeStrangers(ctx context.Context, n int) error {
	for range n {
		status, err := p.call(ctx, http.MethodPost, "/v3/webhooks", map[string]any{
			"endpoint": "http://127.0.0.1:1/", "description": nil, "sandbox": false, "subscribed_events": []string{"signer.error", "contact.created"},
			"scopes": []string{"*"}, "auto_retry": true, "enabled": true,
		})
		if err != nil || status != http.StatusCreated {
			return errors.Join(fmt.Errorf("subscribe a stranger: status %d", status), err)
		}
	}
	return nil
}

func (p *program) call(ctx context.Context, method, path string, body any) (int, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// tail keeps the end of what the program logs, for the message when it fails.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const most = 8 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
