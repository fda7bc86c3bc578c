package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/spf13/cobra"
)

const (
	// maxImportFile bounds what is read, maxImportRows what is made of it.
	maxImportFile = 32 << 20
	maxImportRows = 10_000
)

// errImportRefused ends an import with rows that can't be imported, so that scripts see it.
var errImportRefused = errors.New("not every row can be imported")

func importCommand(p program) *cobra.Command {
	var from string
	im := importer{program: p, wait: sleep}
	cmd := &cobra.Command{
		Use:   "import --from yousign|quicklysign|documenso FILE [--apply]",
		Short: "Bring webhooks over from another system",
		Long: `Reads the webhooks of another system, as that system lists them, and shows what would be created here; with --apply it creates them.
Secrets are kept where the file has them, so receivers work unchanged. What exists already is left alone: running it again creates
nothing new. When a row can't be imported nothing is created, unless --skip leaves such rows out; either way the command fails then.
Needs a production key that may manage subscriptions. docs/migrating.md says how to get the file.`,
		Example: `  hookrouter import --from yousign webhooks.json
  hookrouter import --from documenso --team 9=5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11 team.json --apply`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			read, ok := importReaders[from]
			if !ok {
				return usageError{errors.New("--from must be yousign, quicklysign or documenso")}
			}
			if len(im.teams) > 0 && from != "documenso" {
				return usageError{errors.New("--team is for --from documenso")}
			}
			text, err := readImport(cmd, args[0])
			if err != nil {
				return err
			}
			rows, err := read(text, im.teams)
			if err != nil {
				return usageError{fmt.Errorf("%s: %w", args[0], err)}
			}
			if len(rows) > maxImportRows {
				return usageError{fmt.Errorf("%s: %d webhooks are more than the %d that are imported at once", args[0], len(rows), maxImportRows)}
			}
			if im.api, err = p.newClient(cmd); err != nil {
				return err
			}
			return im.run(cmd.Context(), rows)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "yousign, quicklysign or documenso")
	cmd.Flags().BoolVar(&im.apply, "apply", false, "create what is shown; without it nothing is changed")
	cmd.Flags().BoolVar(&im.skip, "skip", false, "leave rows out that can't be imported, and create the others")
	cmd.Flags().StringToStringVar(&im.teams, "team", nil, "workspace for a team of Documenso, such as 9=WORKSPACE; may be given again")
	_ = cmd.MarkFlagRequired("from")
	clientFlags(cmd)
	return cmd
}

// readImport reads the file, - for standard input.
func readImport(cmd *cobra.Command, path string) ([]byte, error) {
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // whoever runs the command names the file
		if err != nil {
			return nil, usageError{err}
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxImportFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > maxImportFile {
		return nil, usageError{fmt.Errorf("%s: more than %d MiB", path, maxImportFile>>20)}
	}
	return withoutMark(text), nil
}

// withoutMark is a text in UTF-8 without the byte order mark at its beginning. Programs on Windows write one; PowerShell 5 writes what is
// sent to a file with > in UTF-16.
func withoutMark(text []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return text[3:]
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return text
	}
	units := make([]uint16, 0, len(text)/2)
	for text = text[2:]; len(text) > 1; text = text[2:] {
		units = append(units, order.Uint16(text))
	}
	return []byte(string(utf16.Decode(units)))
}

// importRow is one webhook of the file on its way.
type importRow struct {
	name    string // what it is called there
	wanted  wantedWebhook
	note    string // what its owner has to know
	refused string // why it can't be imported, "" where it can
	exists  bool
	made    string // id of what was created
}

// wantedWebhook is a subscription as POST /v3/webhooks takes it.
type wantedWebhook struct {
	Endpoint    string   `json:"endpoint"`
	Description *string  `json:"description"`
	Sandbox     bool     `json:"sandbox"`
	Events      []string `json:"subscribed_events"`
	Scopes      []string `json:"scopes"`
	Workspaces  []string `json:"workspaces"`
	AutoRetry   bool     `json:"auto_retry"`
	Enabled     bool     `json:"enabled"`
	Secret      *string  `json:"secret_key"`
	Format      string   `json:"format"`
	EntityKey   *string  `json:"entity_key"`
}

// shownEndpoint is an address without what may be a credential in it.
func shownEndpoint(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return "?"
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, query := strings.Cut(rest, "?")
	host, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	out := scheme + "://" + host + "/" + path
	if query {
		out += "?…"
	}
	if len(out) > 100 {
		out = out[:100] + "…"
	}
	return strings.ToValidUTF8(out, "?")
}

// longestWait is for how long an import waits at most until it may call again: the limit of calls per hour.
const longestWait = time.Hour
