package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

// Secrets for every format, one after the other.
const (
	secretA = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
	secretB = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
	secretC = "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0ND"
	private = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=" // RFC 8032, section 7.1, test 1
	public  = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
)

// check is one question to a receiver's code: does this arrival verify with this secret?
type check struct {
	Scheme  string            `json:"scheme"` // yousign or standard
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Secret  string            `json:"secret"`
	want    bool
}

// keeper is a receiver that keeps what arrives, by path.
type keeper struct {
	mu       sync.Mutex
	arrivals map[string][]arrival
}

func (k *keeper) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body := readBody(r)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.arrivals[r.URL.Path] = append(k.arrivals[r.URL.Path], arrival{header: r.Header.Clone(), body: string(body)})
}

func (k *keeper) of(path string) []arrival {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.arrivals[path]
}

// TestRotationsVerifyEverywhere takes subscriptions of each format through a rotation in the real program, and lets the reference
// libraries and the code of docs/receivers.md verify what arrives, with the right secrets and with the wrong ones.
func TestRotationsVerifyEverywhere(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		checks := rotations(t, url)
		verifyInGo(t, checks)
		for _, p := range interpreters() {
			verifyOutside(t, p, checks)
		}
	})
}

// rotations goes through the stages and asks about each arrival and secret.
func rotations(t *testing.T, url string) []check {
	t.Helper()
	k := &keeper{arrivals: map[string][]arrival{}}
	receiver := httptest.NewServer(k)
	t.Cleanup(receiver.Close)
	n := newNode(t, url)
	key := n.key("acme", models.RoleAdmin)
	n.start()
	paths := map[string]string{}
	for _, format := range []string{"yousign", "standard_webhooks", "cloudevents", "cloudevents_structured"} {
		paths[format] = "/v3/webhooks/" + n.subscribe(key, receiver.URL+"/"+format, secretA, map[string]any{"format": format})
	}
	var checks []check
	for sent, stage := range []struct {
		call   string
		body   map[string]any
		format string // "": all
		fit    []string
	}{
		{"", nil, "", []string{secretA}},
		{"/rotate_secret", map[string]any{"secret_key": secretB, "overlap_seconds": 3600}, "", []string{secretA, secretB}},
		{"/cancel_rotation", nil, "", []string{secretA}},
		{"/rotate_secret", map[string]any{"secret_key": secretB, "overlap_seconds": 3600}, "", []string{secretA, secretB}},
		{"/activate_secret", nil, "", []string{secretA, secretB}},
		{"/finish_rotation", nil, "", []string{secretB}},
		{"/rotate_secret", map[string]any{"secret_key": secretC, "overlap_seconds": 0}, "", []string{secretC}},
		{"/rotate_secret", map[string]any{"secret_key": private, "overlap_seconds": 60}, "standard_webhooks", []string{secretC, public}},
		{"/activate_secret", nil, "standard_webhooks", []string{secretC, public}},
	} {
		for format, path := range paths {
			if stage.call != "" && (stage.format == "" || stage.format == format) {
				n.must(http.StatusOK, http.MethodPost, path+stage.call, key, stage.body, nil)
			}
		}
		n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key,
			map[string]any{"event_name": "signer.done", "data": map[string]any{"é": "ü"}}, nil)
		for format := range paths {
			require.Eventually(t, func() bool { return len(k.of("/"+format)) == sent+1 }, 10*time.Second, 5*time.Millisecond)
			if stage.format == "" || stage.format == format {
				checks = append(checks, questions(format, k.of("/" + format)[sent], stage.fit)...)
			}
		}
	}
	require.Len(t, checks, 4*4*7+2*5)
	requireUses(t, n, key, paths["standard_webhooks"])
	return checks
}

// requireUses looks at what the router says of the secrets: the newest signed once as the current one, after calls with others. The one that was taken back has used up a
// number.
func requireUses(t *testing.T, n *node, key, path string) {
	t.Helper()
	var uses struct {
		Data []struct {
			Number, Attempts, Succeeded int
			State                       string
		}
	}
	require.Eventually(t, func() bool {
		n.must(http.StatusOK, http.MethodGet, path+"/secrets", key, nil, &uses)
		return len(uses.Data) == 2 && uses.Data[0].Attempts == 1
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, 5, uses.Data[0].Number)
	require.Equal(t, "current", uses.Data[0].State)
	require.Equal(t, "previous", uses.Data[1].State)
	require.Equal(t, 2, uses.Data[1].Succeeded, "before and during the wait of the newest")
}

// questions are about one arrival, with secrets that fit and secrets that don't.
func questions(format string, a arrival, fit []string) []check {
	secrets := []string{secretA, secretB, secretC, strings.ToLower(secretA)}
	c := check{Scheme: "yousign", Body: a.body, Headers: map[string]string{}}
	for name := range a.header {
		c.Headers[strings.ToLower(name)] = a.header.Get(name)
	}
	if format == "standard_webhooks" {
		c.Scheme = "standard"
		if slices.Contains(fit, public) {
			secrets = append(secrets, public)
		}
	}
	var checks []check
	for _, secret := range secrets {
		c.want = slices.Contains(fit, secret)
		if c.Secret = secret; c.Scheme == "standard" && secret != public {
			c.Secret = signing.SymmetricPrefix + secret
		}
		checks = append(checks, c)
	}
	return checks
}

// verifyInGo asks package signing and the reference library.
func verifyInGo(t *testing.T, checks []check) {
	t.Helper()
	for _, c := range checks {
		header := http.Header{}
		for name, value := range c.Headers {
			header.Set(name, value)
		}
		if c.Scheme == "yousign" {
			require.Equal(t, c.want, signing.Verify(header, []byte(c.Body), c.Secret) == nil, "%+v", c)
			continue
		}
		require.Equal(t, c.want, signing.VerifyStandard(header, []byte(c.Body), time.Now(), time.Minute, c.Secret) == nil, "%+v", c)
		if strings.HasPrefix(c.Secret, signing.PublicPrefix) {
			continue // the reference library for Go knows symmetric secrets only
		}
		wh, err := reference.NewWebhook(c.Secret)
		require.NoError(t, err)
		require.Equal(t, c.want, wh.Verify([]byte(c.Body), header) == nil, "%+v", c)
	}
}

// interpreter runs code of docs/receivers.md: its blocks of a language, and after them a program that reads questions from standard
// input and writes what the code answers.
type interpreter struct {
	command, language, program string
	public                     bool // knows public keys
}

// interpreters are those that are installed.
func interpreters() []interpreter {
	const node = `
let reference; // scripts/install-test-deps installs it
try { reference = require("standardwebhooks").Webhook; } catch { }
const checks = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(checks.map((c) => {
  const body = Buffer.from(c.body);
  const answers = [c.scheme === "standard" ? verifyStandard(body, c.headers, c.secret) : verify(body, c.headers, c.secret)];
  if (reference && c.scheme === "standard" && !c.secret.startsWith("whpk_")) {
    try { new reference(c.secret).verify(c.body, c.headers); answers.push(true); } catch { answers.push(false); }
  }
  return answers;
})));`
	const python = `
import json, sys
checks = json.load(sys.stdin)
print(json.dumps([[(verify_standard if c["scheme"] == "standard" else verify)(c["body"].encode(), c["headers"], c["secret"])] for c in checks]))
`
	const php = `
$checks = json_decode(stream_get_contents(STDIN), true);
echo json_encode(array_map(fn ($c) => $c['scheme'] === 'standard' ? [] : [verify($c['body'], $c['headers'], $c['secret'])], $checks));`
	var found []interpreter
	for _, p := range []interpreter{{"node", "js", node, true}, {"python3", "python", python, false}, {"php", "php", php, false}} {
		if _, err := exec.LookPath(p.command); err == nil {
			found = append(found, p)
		}
	}
	return found
}

// verifyOutside asks the code of the documentation, and in JavaScript also the reference library where it is installed.
func verifyOutside(t *testing.T, p interpreter, checks []check) {
	t.Helper()
	checks = slices.DeleteFunc(slices.Clone(checks), func(c check) bool {
		return !p.public && strings.HasPrefix(c.Secret, signing.PublicPrefix)
	})
	var code strings.Builder
	if p.language == "php" {
		code.WriteString("<?php\n")
	}
	blocks := regexp.MustCompile("(?s)```"+p.language+"\n(.*?)\n```").FindAllStringSubmatch(document(t, "docs/receivers.md"), -1)
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		code.WriteString(b[1] + "\n")
	}
	code.WriteString(p.program)
	file := filepath.Join(t.TempDir(), "receiver."+p.language)
	require.NoError(t, os.WriteFile(file, []byte(code.String()), 0o600))
	in, err := json.Marshal(checks)
	require.NoError(t, err)
	modules, err := filepath.Abs(filepath.Join("..", "..", "scripts", "receivers", "node_modules"))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), p.command, file)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var answers [][]bool
	require.NoError(t, json.Unmarshal(out, &answers), string(out))
	require.Len(t, answers, len(checks))
	given := 0
	for i, c := range checks {
		for _, answer := range answers[i] {
			given++
			require.Equal(t, c.want, answer, "%s: %+v", p.command, c)
		}
	}
	require.NotZero(t, given)
}
