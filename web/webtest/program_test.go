package webtest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var screenshots = flag.String("screenshots", "", "take pictures of the pages into this folder instead of testing them")

// builtProgram builds the program once for all tests.
var builtProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "webtest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hookrouter")
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "../../cmd/hookrouter").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// walks is how many tests run at a time: more than there are processors, because a walk waits a good part of its time for a stream, a pause
// after typing, or a delivery.
const walks = "5"

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", walks) // before what the command line says
	flag.Parse()
	if *screenshots != "" {
		_ = flag.Set("test.run", "^TestScreenshots$")
	} else {
		_ = flag.Set("test.skip", "^TestScreenshots$")
	}
	code := m.Run()
	stopChromium()
	if path, err := builtProgram(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

const adminToken = "operator-token-of-the-tests"

// program is a running serve --dev on a database of its own.
type program struct {
	t    *testing.T
	base string
	key  string // of the role admin
	link string // signs in, once
}

func newProgram(t *testing.T, env ...string) *program {
	t.Helper()
	path, err := builtProgram()
	require.NoError(t, err)
	var stdout, stderr safeBuffer
	cmd := exec.Command(path, "serve", "--dev", "--listen", "127.0.0.1:0")
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &stdout, &stderr
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "HOOKROUTER_ADMIN_TOKEN=" + adminToken, "HOOKROUTER_LOG_LEVEL=warn",
		"HOOKROUTER_API_LIMIT_MINUTE=0", "HOOKROUTER_API_LIMIT_HOUR=0", "HOOKROUTER_QUOTA_SUBSCRIPTIONS=0",
	}
	cmd.Env = append(cmd.Env, env...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of the program:\n%s", stderr.String())
		}
	})
	require.Eventually(t, func() bool { return strings.Contains(stdout.String(), "4. See") }, 30*time.Second, 10*time.Millisecond, "%v", &stderr)
	text := stdout.String()
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		require.Len(t, found, 2, pattern)
		return found[1]
	}
	return &program{
		t: t, base: find(`running on (http://\S+)`), key: find(`API key: (\S+)`), link: find(`(https?://\S+/developers/enter/\S+)`),
	}
}

// api calls the API with the program's key; the answer must have the status.
func (p *program) api(status int, method, path string, body, answer any) {
	p.t.Helper()
	p.as(p.key, status, method, path, body, answer)
}

func (p *program) as(key string, status int, method, path string, body, answer any) {
	p.t.Helper()
	var in io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		require.NoError(p.t, err)
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, in)
	require.NoError(p.t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, status, resp.StatusCode, "%s %s: %s", method, path, b)
	if answer != nil {
		require.NoError(p.t, json.Unmarshal(b, answer))
	}
}

// subscribe makes a subscription to an address and returns its id.
func (p *program) subscribe(endpoint, description string, change map[string]any) string {
	p.t.Helper()
	body := map[string]any{
		"endpoint": endpoint, "description": description, "sandbox": false, "subscribed_events": []string{"signature_request.*"},
		"scopes": []string{"*"}, "auto_retry": true, "enabled": true,
	}
	for name, value := range change {
		body[name] = value
	}
	var answer struct{ ID string }
	p.api(http.StatusCreated, http.MethodPost, "/v3/webhooks", body, &answer)
	return answer.ID
}

// publish publishes an event.
func (p *program) publish(name string) {
	p.t.Helper()
	p.api(http.StatusAccepted, http.MethodPost, "/v3/events", map[string]any{"event_name": name, "data": map[string]any{"id": "3d0a"}}, nil)
}

// safeBuffer is a buffer that is written and read at the same time.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
