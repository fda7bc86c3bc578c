package web

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

const receiverSecret = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"

// TestReceiversVerify runs the code that the pages offer, that for PHP where the machine has it, for each format that is signed, and calls it as deliveries do: signed by the
// secret, by one of two while it is exchanged, and in the ways that it has to refuse.
func TestReceiversVerify(t *testing.T) {
	t.Parallel()
	want := 11
	_, missing := exec.LookPath("php")
	if missing == nil {
		want += 4
	}
	ran := 0
	for _, format := range []models.Format{models.FormatYousign, models.FormatStandardWebhooks, models.FormatCloudEvents, models.FormatCloudEventsStructured} {
		code := receiverCode(string(format))
		require.Len(t, code, 4)
		for _, s := range code {
			require.NotEmpty(t, s.text, s.label)
			if s.id == "php" && missing != nil {
				continue
			}
			if format == models.FormatCloudEventsStructured && s.id == "go" { // a build each; the text differs in two tags
				continue
			}
			ran++
			t.Run(string(format)+" in "+s.label, func(t *testing.T) {
				t.Parallel()
				url := startReceiver(t, s)
				for name, c := range receiverCalls(t, format) {
					require.Equal(t, c.want, call(t, url, c.header, c.body), name)
				}
			})
		}
	}
	require.Equal(t, want, ran)
	for _, format := range []models.Format{models.FormatDocumenso, models.FormatQuicklySign} {
		require.Nil(t, receiverCode(string(format)))
	}
}

// startReceiver runs code as its reader would, and returns its address.
func startReceiver(t *testing.T, s snippet) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, s.file)
	require.NoError(t, os.WriteFile(file, []byte(s.text), 0o600))
	command := map[string][]string{"node": {"node", file}, "python": {"python3", file}}[s.id]
	if s.id == "go" {
		program := filepath.Join(dir, "receiver")
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, file).CombinedOutput()
		require.NoError(t, err, string(out))
		command = []string{program}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	if s.id == "php" {
		command = []string{"php", "-S", address, file}
	}
	require.Contains(t, s.text, "3000")
	require.NotContains(t, s.text, "8080", "the service itself listens there")
	if s.id != "php" { // which has no start, and says it at each request
		without := exec.CommandContext(t.Context(), command[0], command[1:]...)
		without.Env = append(os.Environ(), "WEBHOOK_SECRET=", "PORT="+port)
		said, err := without.CombinedOutput()
		require.Error(t, err, "it starts without a secret")
		require.Contains(t, string(said), "set WEBHOOK_SECRET")
	}
	var out bytes.Buffer
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+receiverSecret, "PORT="+port)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	return "http://" + address + "/"
}

type receiverCall struct {
	header map[string]string
	body   string
	want   int
}

func receiverCalls(t *testing.T, format models.Format) map[string]receiverCall {
	t.Helper()
	const other = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
	body := map[models.Format]string{
		models.FormatYousign:               `{"event_id":"9b1d","event_name":"signer.done","data":{"name":"Zoë"}}`,
		models.FormatStandardWebhooks:      `{"event_id":"9b1d","type":"signer.done","data":{}}`,
		models.FormatCloudEvents:           `{"name":"Zoë"}`,
		models.FormatCloudEventsStructured: `{"id":"9b1d","type":"signer.done","data":{}}`,
	}[format]
	if format == models.FormatStandardWebhooks {
		now := time.Now()
		signed := func(id string, at time.Time, secrets ...string) map[string]string {
			signature, err := signing.SignStandard(id, at, []byte(body), secrets...)
			require.NoError(t, err)
			return map[string]string{"webhook-id": "msg_1", "webhook-timestamp": strconv.FormatInt(at.Unix(), 10), "webhook-signature": signature}
		}
		return map[string]receiverCall{
			"signed":              {signed("msg_1", now, receiverSecret), body, 200},
			"by two":              {signed("msg_1", now, other, receiverSecret), body, 200},
			"by another":          {signed("msg_1", now, other), body, 401},
			"another body":        {signed("msg_1", now, receiverSecret), body + " ", 401},
			"another id":          {signed("msg_2", now, receiverSecret), body, 401},
			"long ago":            {signed("msg_1", now.Add(-time.Hour), receiverSecret), body, 401},
			"from ahead":          {signed("msg_1", now.Add(time.Hour), receiverSecret), body, 401},
			"nothing":             {nil, body, 401},
			"a time that is none": {map[string]string{"webhook-id": "msg_1", "webhook-timestamp": "soon", "webhook-signature": "v1,x"}, body, 401},
		}
	}
	good, bad := signing.Sign(receiverSecret, []byte(body)), signing.Sign(other, []byte(body))
	type h = map[string]string
	return map[string]receiverCall{
		"signed":       {h{signing.SignatureHeader: good, "ce-id": "9b1d", "ce-type": "signer.done"}, body, 200},
		"the next":     {h{signing.SignatureHeader: bad, signing.NextSignatureHeader: good, "ce-id": "9b1d", "ce-type": "a"}, body, 200},
		"the previous": {h{signing.SignatureHeader: bad, signing.PreviousSignatureHeader: good, "ce-id": "9b1d", "ce-type": "a"}, body, 200},
		"by another":   {h{signing.SignatureHeader: bad}, body, 401},
		"another body": {h{signing.SignatureHeader: good}, body + " ", 401},
		"no signature": {nil, body, 401},
		"an empty one": {h{signing.SignatureHeader: ""}, body, 401},
		"a beginning":  {h{signing.SignatureHeader: good[:20]}, body, 401},
	}
}

// call posts a body and returns the status.
func call(t *testing.T, url string, header map[string]string, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewBufferString(body))
	require.NoError(t, err)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}
