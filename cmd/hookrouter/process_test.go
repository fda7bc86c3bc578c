package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

const (
	testMasterKey  = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
	testAdminToken = "operator-token-of-the-tests"
)

// builtBinary builds the program once for all tests of this package.
var builtBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hookrouter-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hookrouter")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "4") // they wait for processes, times and silences more than they compute
	code := m.Run()
	if path, err := builtBinary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// eachDatabase runs a test on a fresh SQLite file and on a fresh database of a real PostgreSQL.
func eachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite://"+filepath.Join(t.TempDir(), "hookrouter.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, storetest.PostgresURL(t))
	})
}

// Ports for programs that are told theirs, and that keep them while they are down: below those that systems hand out by themselves, so that
// neither a receiver nor a call of another test, which are many, takes one meanwhile.
const firstPort, ports = 12_000, 16_000

// nextPort differs from process to process.
var nextPort = func() *atomic.Int64 {
	next := new(atomic.Int64)
	next.Store(int64(os.Getpid()) * 97)
	return next
}()

// freeAddress is an address on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range ports {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+nextPort.Add(1)%ports)
		if listener, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, listener.Close())
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// node is an instance of the real program under test, on an address that stays the same over restarts.
type node struct {
	t      *testing.T
	env    []string
	listen string
	cmd    *exec.Cmd
	log    *lockedBuffer
}

func newNode(t *testing.T, databaseURL string, settings ...string) *node {
	t.Helper()
	listen := freeAddress(t)
	n := &node{t: t, listen: listen, log: &lockedBuffer{}, env: append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"HOOKROUTER_LISTEN=" + listen,
		"HOOKROUTER_DATABASE_URL=" + databaseURL,
		"HOOKROUTER_MASTER_KEY=" + testMasterKey,
		"HOOKROUTER_ADMIN_TOKEN=" + testAdminToken,
		"HOOKROUTER_ENDPOINT_SCHEMES=http",
		"HOOKROUTER_EGRESS_ALLOW=127.0.0.1/32",
		"HOOKROUTER_API_LIMIT_MINUTE=0",
		"HOOKROUTER_API_LIMIT_HOUR=0",
		"HOOKROUTER_QUOTA_SUBSCRIPTIONS=0",
		"HOOKROUTER_RETRY_SCHEDULE=1s,1s,1s,1s",
		"HOOKROUTER_RETRY_JITTER=0",
		"HOOKROUTER_LOG_LEVEL=warn",
	}, settings...)}
	t.Cleanup(func() {
		if n.cmd != nil {
			n.kill()
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", listen, n.log.tail(8<<10))
		}
	})
	return n
}

// command runs a command of the program to its end and returns its standard output.
func (n *node) command(args ...string) string {
	n.t.Helper()
	path, err := builtBinary()
	require.NoError(n.t, err)
	cmd := exec.Command(path, args...)
	cmd.Env = n.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(n.t, err, stderr.String())
	return string(out)
}

func (n *node) key(organization string, role models.Role) string {
	n.t.Helper()
	return strings.TrimSpace(n.command("keys", "create", "--organization", organization, "--role", string(role)))
}

// start starts the program and waits until it is ready.
func (n *node) start() {
	n.t.Helper()
	n.launch()
	n.awaitReady()
}

// launch starts the program.
func (n *node) launch() {
	n.t.Helper()
	path, err := builtBinary()
	require.NoError(n.t, err)
	n.cmd = exec.Command(path, "serve")
	n.cmd.Env = n.env
	n.cmd.Stderr = n.log
	n.cmd.Stdout = n.log
	require.NoError(n.t, n.cmd.Start())
}

// awaitReady waits until the program says that it is ready.
func (n *node) awaitReady() {
	n.t.Helper()
	require.Eventually(n.t, func() bool {
		resp, err := http.Get("http://" + n.listen + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 30*time.Second, 10*time.Millisecond, "instance did not become ready")
}

// kill ends the process the hard way; nothing of it runs afterwards.
func (n *node) kill() {
	_ = n.cmd.Process.Signal(syscall.SIGKILL)
	_ = n.cmd.Wait()
	n.cmd = nil
}

// signal sends a signal to the process.
func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	require.NoError(n.t, n.cmd.Process.Signal(s))
}

// terminate asks the process to end and returns how it did.
func (n *node) terminate() error {
	n.t.Helper()
	require.NoError(n.t, n.cmd.Process.Signal(syscall.SIGTERM))
	err := n.cmd.Wait()
	n.cmd = nil
	return err
}

// call sends a request with a JSON body and decodes the answer. It fails only where the server can't be reached.
func (n *node) call(ctx context.Context, method, path, key string, body, answer any) (int, error) {
	var in io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+n.listen+path, in)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if answer != nil && len(b) > 0 { // 204 has no body
		if err := json.Unmarshal(b, answer); err != nil {
			return 0, fmt.Errorf("%s: %w in %s", resp.Status, err, b)
		}
	}
	return resp.StatusCode, nil
}

// must is call for answers that have to have a status.
func (n *node) must(status int, method, path, key string, body, answer any) {
	n.t.Helper()
	var raw json.RawMessage
	got, err := n.call(n.t.Context(), method, path, key, body, &raw)
	require.NoError(n.t, err)
	require.Equal(n.t, status, got, "%s %s: %s", method, path, raw)
	if answer != nil {
		require.NoError(n.t, json.Unmarshal(raw, answer))
	}
}

// subscribe makes a subscription to every event and returns its id.
func (n *node) subscribe(key, endpoint, secret string, change map[string]any) string {
	n.t.Helper()
	body := map[string]any{
		"endpoint": endpoint, "description": nil, "sandbox": false, "subscribed_events": []string{"*"}, "scopes": []string{"*"},
		"auto_retry": true, "enabled": true, "secret_key": secret,
	}
	for name, value := range change {
		body[name] = value
	}
	var answer struct{ ID string }
	n.must(http.StatusCreated, http.MethodPost, "/v3/webhooks", key, body, &answer)
	return answer.ID
}

// openStore opens the database under test beside the program.
func openStore(t *testing.T, url string) *store.Store {
	t.Helper()
	keys, err := masterKeys(testMasterKey)
	require.NoError(t, err)
	db, err := store.Open(t.Context(), store.Options{URL: url, MasterKeys: keys, Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// settled waits until every delivery has come to its end and returns the ledger of the only organization.
func settled(t *testing.T, db *store.Store, timeout time.Duration) models.Ledger {
	t.Helper()
	var last models.Ledger
	require.Eventually(t, func() bool {
		ledgers, err := db.Ledger(t.Context())
		if err != nil || len(ledgers) != 1 {
			return false
		}
		last = ledgers[0]
		for status, n := range last.ByStatus {
			if n > 0 && !status.Terminal() {
				return false
			}
		}
		return true
	}, timeout, 50*time.Millisecond, "deliveries are still waiting")
	return last
}

// lockedBuffer keeps what a process printed.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) contains(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.b.Bytes(), []byte(text))
}

func (l *lockedBuffer) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.b.Bytes()
	return string(b[max(0, len(b)-n):])
}

var errStopped = errors.New("the test is over")
