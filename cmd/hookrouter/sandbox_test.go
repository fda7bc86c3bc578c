package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

// sandboxNode is an instance whose guard lets nothing private through: what its inboxes get, they get as our own.
func sandboxNode(t *testing.T, url string) (*node, string) {
	t.Helper()
	n := newNode(t, url, "HOOKROUTER_EGRESS_ALLOW=", "HOOKROUTER_ENDPOINT_SCHEMES=https", "HOOKROUTER_TIMEOUT_FIRST=2s")
	key := n.key("acme", models.RoleAdmin)
	n.start()
	return n, key
}

type testOutcome struct {
	EventID     string `json:"event_id"`
	DeliveryID  string `json:"delivery_id"`
	Status      string
	RequestBody string `json:"request_body"`
	Attempt     struct {
		Reason   *string
		Response *struct{ Status int }
	}
}

// inbox makes an inbox and a subscription to it.
func (n *node) inbox(key string, behavior, subscription map[string]any) (inbox, address, webhook string) {
	n.t.Helper()
	var made struct{ ID, URL string }
	n.must(http.StatusCreated, http.MethodPost, "/v3/sandbox/inboxes", key, behavior, &made)
	return made.ID, made.URL, n.subscribe(key, made.URL, crashSecret, subscription)
}

func TestSandboxEndToEnd(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		n, key := sandboxNode(t, url)
		inbox, address, production := n.inbox(key, map[string]any{}, map[string]any{"subscribed_events": []string{"contact.created"}})
		_, _, sandboxed := n.inbox(key, map[string]any{"fail_first": 2, "fail_status": 503}, map[string]any{"sandbox": true})

		var out testOutcome
		event := map[string]any{"event_name": "signer.done"}
		n.must(http.StatusOK, http.MethodPost, "/v3/webhooks/"+production+"/test", key, event, &out)
		require.Equal(t, "delivered", out.Status)
		require.Equal(t, 200, out.Attempt.Response.Status)
		var arrived struct {
			Data []struct {
				Body, Signature string
				DeliveryID      string `json:"delivery_id"`
				Headers         []struct{ Name, Value string }
			}
		}
		n.must(http.StatusOK, http.MethodGet, "/v3/sandbox/inboxes/"+inbox+"/requests", key, nil, &arrived)
		require.Len(t, arrived.Data, 1)
		require.Equal(t, "valid", arrived.Data[0].Signature)
		require.Equal(t, out.DeliveryID, arrived.Data[0].DeliveryID)
		require.Equal(t, out.RequestBody, arrived.Data[0].Body)
		require.Contains(t, arrived.Data[0].Body, `"sandbox":true`)
		header := http.Header{}
		for _, h := range arrived.Data[0].Headers {
			header.Add(h.Name, h.Value)
		}
		require.NoError(t, signing.Verify(header, []byte(arrived.Data[0].Body), crashSecret))

		// A failed test is final; an ordinary sandbox event is tried again.
		n.must(http.StatusOK, http.MethodPost, "/v3/webhooks/"+sandboxed+"/test", key, event, &out)
		require.Equal(t, "failed", out.Status)
		require.Equal(t, "status", *out.Attempt.Reason)
		var receipt struct{ Matched int }
		n.must(http.StatusAccepted, http.MethodPost, "/v3/sandbox/events", key, event, &receipt)
		require.Equal(t, 1, receipt.Matched, "sandbox events never reach production subscriptions")
		var run struct{ Events []struct{ EventID string } }
		n.must(http.StatusAccepted, http.MethodPost, "/v3/sandbox/scenarios/signature_done/run", key, map[string]any{"speed": 0}, &run)
		require.Len(t, run.Events, 8)

		db := openStore(t, url)
		ledger := settled(t, db, 20*time.Second)
		require.True(t, ledger.Balanced())
		require.Equal(t, int64(11), ledger.Expected)
		require.Equal(t, int64(10), ledger.ByStatus[models.StatusDelivered])
		require.Equal(t, int64(1), ledger.ByStatus[models.StatusFailed])

		// The guard lets nothing else of our own host through.
		for _, endpoint := range []string{"http://" + n.listen + "/v3/events", address + "?x=1", address + "/..", strings.Replace(address, "/inbox/", "//inbox/", 1)} {
			n.must(http.StatusBadRequest, http.MethodPost, "/v3/webhooks", key, map[string]any{
				"endpoint": endpoint, "description": nil, "sandbox": true, "subscribed_events": []string{"*"}, "scopes": []string{"*"},
				"auto_retry": true, "enabled": true,
			}, nil)
		}
		for location, reason := range map[string]string{
			"http://" + n.listen + "/admin/v1/ledger": "bad_redirect", "https://" + n.listen + "/admin/v1/ledger": "blocked_address", "": "too_many_redirects",
		} {
			behavior := map[string]any{"mode": "redirect"}
			if location != "" {
				behavior["redirect_to"] = location
			}
			_, _, webhook := n.inbox(key, behavior, map[string]any{"sandbox": true})
			n.must(http.StatusOK, http.MethodPost, "/v3/webhooks/"+webhook+"/test", key, event, &out)
			require.Equal(t, "failed", out.Status)
			require.Equal(t, reason, *out.Attempt.Reason, location)
		}
		for mode, reason := range map[string]string{"drop": "reset", "huge": "", "drip": "timeout"} {
			_, _, webhook := n.inbox(key, map[string]any{"mode": mode}, map[string]any{"sandbox": true, "timeout_first_ms": 500})
			out = testOutcome{}
			n.must(http.StatusOK, http.MethodPost, "/v3/webhooks/"+webhook+"/test", key, event, &out)
			if reason == "" {
				require.Equal(t, "delivered", out.Status, mode)
				continue
			}
			require.Equal(t, reason, *out.Attempt.Reason, mode)
		}
	})
}

// TestTriggerAndListen forwards what trigger makes to a receiver that the service itself may not call.
func TestTriggerAndListen(t *testing.T) {
	t.Parallel()
	n, key := sandboxNode(t, "sqlite://"+t.TempDir()+"/hookrouter.db")
	type call struct {
		header http.Header
		body   []byte
	}
	got := make(chan call, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- call{r.Header, readBody(r)}
	}))
	defer receiver.Close()
	path, err := builtBinary()
	require.NoError(t, err)
	env := append(n.env, "HOOKROUTER_API_URL=http://"+n.listen, "HOOKROUTER_API_KEY="+key)
	run := func(args ...string) (string, error) {
		cmd := exec.Command(path, args...)
		cmd.Env = env
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}

	var printed lockedBuffer
	listening := exec.Command(path, "listen", "--forward-to", receiver.URL+"/hooks", "--secret", crashSecret)
	listening.Env, listening.Stdout, listening.Stderr = env, &printed, &printed
	require.NoError(t, listening.Start())
	t.Cleanup(func() { _ = listening.Process.Kill() })
	require.Eventually(t, func() bool { return printed.contains("secret ") }, 10*time.Second, 5*time.Millisecond, printed.tail(1<<10))

	out, err := run("trigger", "signature_request.done")
	require.NoError(t, err, out)
	require.Contains(t, out, ": 1 sandbox subscriptions")
	first := <-got
	require.NoError(t, signing.Verify(first.header, first.body, crashSecret), "headers and body are the original ones")
	require.Equal(t, "1", first.header.Get(signing.AttemptHeader))
	require.Contains(t, string(first.body), `"event_name":"signature_request.done"`)

	webhook := regexp.MustCompile(`listening as (\S+),`).FindStringSubmatch(printed.tail(1 << 12))
	out, err = run("trigger", "signer.done", "--webhook", webhook[1])
	require.NoError(t, err, out)
	require.Contains(t, out, "delivered, answer 200")
	<-got
	require.Eventually(t, func() bool { return printed.contains("signer.done (signature valid): 200 OK") }, 5*time.Second, 5*time.Millisecond)

	require.NoError(t, listening.Process.Signal(syscall.SIGINT))
	require.NoError(t, listening.Wait(), printed.tail(1<<12))
	var left []any
	n.must(http.StatusOK, http.MethodGet, "/v3/webhooks", key, nil, &left)
	require.Empty(t, left)
	var inboxes struct{ Data []any }
	n.must(http.StatusOK, http.MethodGet, "/v3/sandbox/inboxes", key, nil, &inboxes)
	require.Empty(t, inboxes.Data)

	for _, args := range [][]string{
		{"trigger"},
		{"trigger", "a", "b"},
		{"listen"},
		{"listen", "--forward-to", "ftp://x"},
		{"trigger", "x", "--webhook", "../events"},
		{"trigger", "x", "--api-url", "nope"},
	} {
		out, err := run(args...)
		require.ErrorContains(t, err, "exit status 2", "%v: %s", args, out)
	}
	out, err = run("trigger", "no.such")
	require.ErrorContains(t, err, "exit status 1")
	require.Contains(t, out, "event_name: There is no event of this name")
}

func TestPublicURL(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", "0.0.0.0:80": "http://127.0.0.1:80", "[::]:8080": "http://127.0.0.1:8080",
		"[::1]:8080": "http://[::1]:8080", "router:8080": "http://router:8080",
	} {
		require.Equal(t, want, publicURL("", listen))
	}
	require.Equal(t, "https://hooks.example.com", publicURL("https://hooks.example.com", "127.0.0.1:1"))
}
