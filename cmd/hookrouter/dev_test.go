package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDevGreetingWorksAsPrinted starts serve --dev in an empty folder and pastes the printed lines into a shell, the way a new user does.
func TestDevGreetingWorksAsPrinted(t *testing.T) {
	t.Parallel()
	path, err := builtBinary()
	require.NoError(t, err)
	receiver := filepath.Join(filepath.Dir(path), "hookreceiver")
	out, err := exec.Command("go", "build", "-o", receiver, "../hookreceiver").CombinedOutput()
	require.NoError(t, err, string(out))
	folder := t.TempDir()

	start := func() (string, *exec.Cmd) {
		var stdout, stderr lockedBuffer
		cmd := exec.Command(path, "serve", "--dev", "--listen", "127.0.0.1:0")
		cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &stdout, &stderr
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		require.Eventually(t, func() bool { return strings.Contains(stdout.tail(1<<16), "4. See") }, 30*time.Second, 10*time.Millisecond, stderr.tail(1<<12))
		return stdout.tail(1 << 16), cmd
	}
	text, _ := start()

	require.Less(t, strings.Index(text, "/developers/enter/"), strings.Index(text, "API key: "), "the shortest way is first")
	require.Contains(t, text, "/developers/operator\n(none yet: set HOOKROUTER_ADMIN_TOKEN")

	secret := regexp.MustCompile(`--secret (\S+)`).FindStringSubmatch(text)
	require.Len(t, secret, 2)
	var arrivals lockedBuffer
	listening := exec.Command(receiver, "--listen", "127.0.0.1:0", "--secret", secret[1])
	listening.Stdout = &arrivals
	require.NoError(t, listening.Start())
	t.Cleanup(func() { _ = listening.Process.Kill(); _ = listening.Wait() })
	require.Eventually(t, func() bool { return strings.Contains(arrivals.tail(1<<10), "listening on") }, 10*time.Second, 10*time.Millisecond)
	address := regexp.MustCompile(`http://(\S+)`).FindStringSubmatch(arrivals.tail(1 << 10))
	require.Len(t, address, 2)
	// The printed port may be taken on this machine; everything else stays as printed.
	text = strings.ReplaceAll(text, "127.0.0.1:9000", address[1])

	curls := regexp.MustCompile(`(?m)^   curl(?:.*\\\n)*.*$`).FindAllString(text, -1)
	require.Len(t, curls, 3)
	run := func(line string) []byte {
		out, err := exec.Command("sh", "-c", line).Output()
		require.NoError(t, err, line)
		return out
	}
	require.Contains(t, string(run(curls[0])), `"state":"active"`)
	require.Contains(t, string(run(curls[1])), `"matched":1`)
	require.Eventually(t, func() bool { return strings.Contains(arrivals.tail(1<<12), "signature ok") }, 10*time.Second, 10*time.Millisecond, arrivals.tail(1<<12))
	var page struct{ Data []struct{ Status string } }
	require.Eventually(t, func() bool {
		require.NoError(t, json.Unmarshal(run(curls[2]), &page))
		return len(page.Data) == 1 && page.Data[0].Status == "delivered"
	}, 10*time.Second, 50*time.Millisecond)
}
