package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

// imported runs import with a file's text against a service, and returns what it printed.
func imported(t *testing.T, base, key, from, text string, args ...string) (out string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "webhooks.json")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	var stdout, stderr bytes.Buffer
	env := []string{"HOOKROUTER_API_URL=" + base, "HOOKROUTER_API_KEY=" + key}
	err = run(t.Context(), append([]string{"import", "--from", from, file}, args...), env, &stdout, &stderr)
	return stdout.String(), err
}

// yousignFile is a list as Yousign answers it.
func yousignFile(endpoint string) string {
	return `[{"id":"0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001","endpoint":"` + endpoint + `/yousign?token=t0p","description":"Contracts team","sandbox":false,
	"subscribed_events":["signature_request.done","signer.done"],"secret_key":"k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3","scopes":["public_api","app"],
	"workspaces":["*"],"auto_retry":true,"enabled":true,"created_at":"2026-02-03T09:10:11Z","updated_at":null},
	{"id":"0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be002","endpoint":"` + endpoint + `/other","description":null,"sandbox":true,
	"subscribed_events":["*"],"scopes":["*"],"auto_retry":false,"enabled":false,"created_at":"2026-02-03T09:10:11Z","updated_at":null}]`
}

func quicklySignFile(endpoint string) string {
	return `{"status":{"status_code":200},"data":{"webhooks":[{"key":"ahNkWEBHOOK","entity_key":"ahFzPACK","callback":"` + endpoint + `/qs",
	"date_created":1401645889795,"date_updated":1401645889795,"webhook_key":null}]}}`
}

// documensoFile is what the page of a team's webhooks loads.
func documensoFile(endpoint string) string {
	return `[{"result":{"data":{"json":[{"id":"cm1","webhookUrl":"` + endpoint + `/dso","eventTriggers":["DOCUMENT_SIGNED","DOCUMENT_COMPLETED"],
	"secret":"open sesame","enabled":true,"createdAt":"2026-03-01T08:00:00.000Z","updatedAt":"2026-03-01T08:00:00.000Z","userId":3,"teamId":9},
	{"id":"cm2","webhookUrl":"` + endpoint + `/dso","eventTriggers":["TEMPLATE_USED"],"secret":null,"enabled":true,"createdAt":"2026-03-01T08:00:00.000Z",
	"updatedAt":"2026-03-01T08:00:00.000Z","userId":3,"teamId":9}],"meta":{"values":{}}}}}]`
}

// TestMovingIn imports from each system, twice, and lets receivers that were written for those systems take what arrives.
func TestMovingIn(t *testing.T) {
	t.Parallel()
	n := newNode(t, "sqlite://"+filepath.Join(t.TempDir(), "hookrouter.db"))
	key := n.key("acme", models.RoleAdmin)
	n.start()
	k := &keeper{arrivals: map[string][]arrival{}}
	receiver := httptest.NewServer(k)
	t.Cleanup(receiver.Close)
	documents := &documensoLog{calls: map[string]documensoCall{}}
	documenso := strings.TrimSuffix(documents.serve(t, "open sesame"), "/mywebhook")
	for from, file := range map[string]string{
		"yousign": yousignFile(receiver.URL), "quicklysign": quicklySignFile(receiver.URL), "documenso": documensoFile(documenso),
	} {
		out, err := imported(t, "http://"+n.listen, key, from, file)
		require.NoError(t, err, out)
		require.Contains(t, out, "0 exist, 0 can't be imported. Nothing was changed; --apply creates.")
		require.NotContains(t, out, "t0p")
		require.NotContains(t, out, "k3yk3y")
		out, err = imported(t, "http://"+n.listen, key, from, file, "--apply")
		require.NoError(t, err, out)
		require.NotContains(t, out, "0 created")
		out, err = imported(t, "http://"+n.listen, key, from, file, "--apply")
		require.NoError(t, err, out)
		require.Contains(t, out, "0 created", "once is enough")
	}
	var list []wantedWebhook
	n.must(http.StatusOK, http.MethodGet, "/v3/webhooks", key, nil, &list)
	require.Len(t, list, 5)
	var acts struct {
		Data []struct {
			Actor   string `json:"actor"`
			Outcome string `json:"outcome"`
		} `json:"data"`
	}
	n.must(http.StatusOK, http.MethodGet, "/v3/audit_log?action=webhook.create", key, nil, &acts)
	require.Len(t, acts.Data, 5, "what was brought over is in the audit log")
	for _, act := range acts.Data {
		require.Equal(t, []string{"key", "done"}, []string{act.Actor, act.Outcome})
	}

	// With the workspace of docs/migrating.md, which is what makes them others.
	body := regexp.MustCompile(`-d '(.*)' `).FindStringSubmatch(document(t, "docs/migrating.md"))
	n.must(http.StatusCreated, http.MethodPost, "/v3/workspaces", key, json.RawMessage(body[1]), nil)
	out, err := imported(t, "http://"+n.listen, key, "documenso", documensoFile(documenso), "--team", "9=5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11")
	require.NoError(t, err, out)
	require.Contains(t, out, "2 to create")
	by := map[string]wantedWebhook{}
	for _, w := range list {
		by[w.Endpoint+" "+strings.Join(w.Events, " ")] = w
	}
	first := by[receiver.URL+"/yousign?token=t0p signature_request.done signer.done"]
	require.Equal(t, "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3", *first.Secret)
	require.Equal(t, "Contracts team", *first.Description)
	require.Equal(t, []string{"public_api", "app"}, first.Scopes)
	require.True(t, first.AutoRetry && first.Enabled && !first.Sandbox)
	second := by[receiver.URL+"/other *"]
	require.Len(t, *second.Secret, 32)
	require.True(t, !second.AutoRetry && !second.Enabled && second.Sandbox)
	require.Empty(t, *by[documenso+"/dso template.used"].Secret)

	for _, e := range []map[string]any{
		{"event_name": "signer.done", "scope": "app", "data": map[string]any{}},
		{"event_name": "document_status_changed", "entity_key": "ahFzPACK", "data": map[string]any{}},
		{"event_name": "document.completed", "data": map[string]any{"id": 10}},
	} {
		n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, e, nil)
	}
	documents.await(t, "DOCUMENT_COMPLETED")
	require.Eventually(t, func() bool { return len(k.of("/yousign")) == 1 && len(k.of("/qs")) == 1 }, 20*time.Second, 5*time.Millisecond)
	signed := k.of("/yousign")[0]
	require.NoError(t, signing.Verify(signed.header, []byte(signed.body), "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3"))
	require.Equal(t, []string{"Yousign Webhook Bot", "Hookrouter"}, []string{signed.header.Get("User-Agent"), k.of("/qs")[0].header.Get("User-Agent")},
		"unless the operator sets one, each format has its own")
	require.Contains(t, k.of("/qs")[0].body, `{"entity_type":"Document","entity_key":"ahFzPACK","callback_event":"document_status_changed","webhook_key":`)
}

// TestRefusedRows imports good rows beside bad ones: nothing is made, or with --skip the good ones, and it fails either way.
func TestRefusedRows(t *testing.T) {
	t.Parallel()
	n := newNode(t, "sqlite://"+filepath.Join(t.TempDir(), "hookrouter.db"), "HOOKROUTER_ENDPOINT_SCHEMES=https", "HOOKROUTER_QUOTA_SUBSCRIPTIONS=2")
	key := n.key("acme", models.RoleManager)
	n.start()
	const good = `{"id":"a","endpoint":"https://hooks.example.com/1","description":null,"sandbox":false,"subscribed_events":["signer.done"],"scopes":["*"],"auto_retry":true,"enabled":true}`
	change := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	bad := map[string]string{
		"endpoint is missing":                change(`"endpoint"`, `"url"`),
		"endpoint has the wrong type":        change(`"https://hooks.example.com/1"`, `7`),
		"it is no object":                    `"a"`,
		"enabled is missing":                 change(`,"enabled":true`, ``),
		"subscribed_events[0]: No known":     change("signer.done", "signer.dome"),
		"endpoint: The endpoint":             change("https://hooks", "http://hooks"),
		"workspaces":                         change(`"scopes"`, `"workspaces":["5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"],"scopes"`),
		"secret_key: This value must have e": change(`"scopes"`, `"secret_key":"short","scopes"`),
	}
	elements := []string{good, good} // the same twice is two
	for _, row := range bad {
		elements = append(elements, row)
	}
	file := "[" + strings.Join(elements, ",") + "]"
	webhooks := func() (list []wantedWebhook) {
		n.must(http.StatusOK, http.MethodGet, "/v3/webhooks", key, nil, &list)
		return list
	}
	for _, args := range [][]string{nil, {"--apply"}, {"--skip"}} {
		out, err := imported(t, "http://"+n.listen, key, "yousign", file, args...)
		require.ErrorIs(t, err, errImportRefused)
		require.Equal(t, 1, exitCode(err))
		require.Contains(t, out, "2 to create, 0 exist, 8 can't be imported.")
		for reason := range bad {
			require.Contains(t, out, reason)
		}
		require.Empty(t, webhooks())
	}
	out, err := imported(t, "http://"+n.listen, key, "yousign", file, "--apply", "--skip")
	require.ErrorIs(t, err, errImportRefused)
	require.Contains(t, out, "2 created, 0 exist, 8 can't be imported.")
	require.Len(t, webhooks(), 2)

	// The quota has room for none: what exists is left, and nothing stays of what was begun.
	n.must(http.StatusOK, http.MethodGet, "/v3/webhooks", key, nil, nil)
	_, err = imported(t, "http://"+n.listen, key, "yousign", "["+good+","+change("/1", "/2")+"]", "--apply")
	require.ErrorContains(t, err, "403")
	require.Len(t, webhooks(), 2)
}

// TestFilesThatAreSomethingElse are refused before anybody is called.
func TestFilesThatAreSomethingElse(t *testing.T) {
	t.Parallel()
	for from, files := range map[string][]string{
		"yousign": {``, `{}`, `null`, `{"data":[]}`, `[1`, `"x"`},
		"quicklysign": {
			``, `[]`, `{}`, `null`, `{"status":{"status_code":401},"data":{}}`, `{"status":{"status_code":200},"data":{"subscriptions":[]}}`, `{"data":{"webhooks":{}}}`,
			`{"status":{"status_code":200},"data":{"webhooks":[]},"pagination":{"next":"https://api.test/v1/webhooks?page=2"}}`,
		},
		"documenso": {``, `{}`, `null`, `{"error":{}}`, `[{"result":{"data":{"json":{}}}}`, `{"result":{"data":{"json":null}}}`},
		"docusign":  {`[]`},
	} {
		for _, file := range files {
			_, err := imported(t, "http://127.0.0.1:1", "x", from, file)
			require.Equal(t, 2, exitCode(err), "%s %s: %v", from, file, err)
		}
	}
	_, err := imported(t, "http://127.0.0.1:1", "x", "yousign", `[]`, "--team", "9=x")
	require.Equal(t, 2, exitCode(err))
	_, err = imported(t, "http://127.0.0.1:1", "x", "documenso", `[]`, "--team", "9=x")
	require.ErrorContains(t, err, "team 9")
	_, err = imported(t, "http://127.0.0.1:1", "x", "yousign", "["+strings.Repeat("0,", maxImportRows)+"0]")
	require.ErrorContains(t, err, "at once")
}

func TestTeamsAreKeptApart(t *testing.T) {
	t.Parallel()
	list := `[{"id":"a","webhookUrl":"https://a.test","eventTriggers":["DOCUMENT_SIGNED"],"enabled":true,"teamId":9},
	{"id":"b","webhookUrl":"https://b.test","eventTriggers":["DOCUMENT_SIGNED"],"enabled":true,"teamId":10},
	{"id":"c","webhookUrl":"https://c.test","eventTriggers":["DOCUMENT_SIGNED","NO_SUCH"],"enabled":true}]`
	for _, envelope := range []string{"%", `{"result":{"data":%}}`, `{"result":{"data":{"json":%}}}`, `[{"result":{"data":{"json":%}}}]`} {
		file := []byte(strings.Replace(envelope, "%", list, 1))
		rows, err := readDocumenso(file, nil)
		require.NoError(t, err, envelope)
		require.Len(t, rows, 3)
		require.Contains(t, rows[0].refused, "--team 9=WORKSPACE")
		rows, err = readDocumenso(file, map[string]string{"9": "w9"})
		require.NoError(t, err)
		require.Empty(t, rows[0].refused)
		require.Equal(t, []string{"w9"}, rows[0].wanted.Workspaces)
		require.Contains(t, rows[1].refused, "team 10")
		require.Contains(t, rows[2].refused, "eventTriggers")
	}
}

// busy is a service that takes a number of webhooks, and refuses every third call for there being too many.
type busy struct {
	t       *testing.T
	room    int
	calls   int
	present map[string]bool
}

func (b *busy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.calls++; b.calls%3 == 0 {
		w.Header().Set("Retry-After", "40")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	switch {
	case r.Method == http.MethodDelete:
		delete(b.present, strings.TrimPrefix(r.URL.Path, "/v3/webhooks/"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet:
		_, _ = w.Write([]byte("[]"))
	case r.URL.Path == "/v3/webhooks/dry_run":
		_, _ = w.Write([]byte("{}"))
	case len(b.present) == b.room:
		w.WriteHeader(http.StatusForbidden)
	default:
		id := strings.Repeat("x", len(b.present)+1)
		b.present[id] = true
		w.WriteHeader(http.StatusCreated)
		require.NoError(b.t, json.NewEncoder(w).Encode(map[string]string{"id": id}))
	}
}

// TestNothingIsHalfDone lets the last of three fail, beside a limit of calls, which it waits for.
func TestNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	for room, want := range map[int]int{2: 0, 3: 3} {
		b := &busy{t: t, room: room, present: map[string]bool{}}
		server := httptest.NewServer(b)
		t.Cleanup(server.Close)
		var stdout, stderr bytes.Buffer
		waited := 0
		im := importer{program: program{stdout: &stdout, stderr: &stderr}, apply: true, wait: func(_ context.Context, d time.Duration) error {
			require.Equal(t, 40*time.Second, d)
			waited++
			return nil
		}, api: &client{base: server.URL, http: http.DefaultClient}}
		rows := []importRow{{name: "a"}, {name: "b"}, {name: "c"}}
		err := im.run(t.Context(), rows)
		require.Len(t, b.present, want)
		require.Positive(t, waited)
		if want == 0 {
			require.ErrorContains(t, err, "create c")
			require.Contains(t, stderr.String(), "removed again: 2")
		} else {
			require.NoError(t, err)
		}
	}
}

// TestCommandsInMigratingParse runs the commands of the document up to the file that is not there.
func TestCommandsInMigratingParse(t *testing.T) {
	t.Parallel()
	lines := regexp.MustCompile(`(?m)^hookrouter (import .*)$`).FindAllStringSubmatch(document(t, "docs/migrating.md"), -1)
	require.Len(t, lines, 3)
	for _, line := range lines {
		err := run(t.Context(), strings.Fields(line[1]), nil, io.Discard, io.Discard)
		require.ErrorIs(t, err, os.ErrNotExist, line[0])
	}
}

func TestShownEndpoints(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://user:pass@a.test:8443/hook?token=1#x": "https://a.test:8443/hook?…",
		"https://a.test": "https://a.test/", "nonsense": "?", "https://u:p@w@a.test/@x": "https://a.test/@x",
	} {
		require.Equal(t, want, shownEndpoint(raw))
	}
	require.Less(t, len(shownEndpoint("https://a.test/"+strings.Repeat("x", 1000))), 120)
	require.Equal(t, "a  b", oneLine("a\x1b\nb"))
}

// TestFilesOfWindows begin with a byte order mark, or are in UTF-16, and say the same.
func TestFilesOfWindows(t *testing.T) {
	t.Parallel()
	const list = `[{"id":"é😀"}]`
	utf16Of := func(order binary.AppendByteOrder) string {
		b := []byte(nil)
		for _, unit := range utf16.Encode([]rune("\ufeff" + list)) {
			b = order.AppendUint16(b, unit)
		}
		return string(b)
	}
	for name, text := range map[string]string{
		"bare": list, "UTF-8": "\ufeff" + list, "UTF-16, little end first": utf16Of(binary.LittleEndian), "UTF-16, big end first": utf16Of(binary.BigEndian),
	} {
		cmd := &cobra.Command{}
		cmd.SetIn(strings.NewReader(text))
		read, err := readImport(cmd, "-")
		require.NoError(t, err)
		require.Equal(t, list, string(read), name)
	}
	require.Equal(t, "\ufeff[]", string(withoutMark([]byte("\ufeff\ufeff[]"))), "one mark; what follows is no JSON")
	require.Empty(t, withoutMark([]byte("\xff\xfe[")), "half a unit is none")

	// Through the command: it gets as far as calling the service.
	file := yousignFile("https://hooks.example.com")
	_, err := imported(t, "http://127.0.0.1:1", "x", "yousign", file)
	require.Equal(t, 1, exitCode(err))
	_, err = imported(t, "http://127.0.0.1:1", "x", "yousign", "\ufeff"+file)
	require.Equal(t, 1, exitCode(err), "%v", err)
}
