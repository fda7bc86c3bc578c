package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hookrouter/store"
)

// checkTime bounds each look of the doctor at something that may not answer.
const checkTime = 5 * time.Second

func doctorCommand(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check settings, database, keys, clocks and the way out, and say what to do",
		Long: "Checks what a running service needs, with the settings that serve would have, and changes nothing. Each line is ok, warn or fail; " +
			"a fail makes the exit status 1.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := doctor{program: p, out: p.stdout, now: time.Now, lookup: net.DefaultResolver.LookupHost, get: reach}
			return d.examine(cmd.Context(), cmd.InheritedFlags())
		},
	}
}

// The states of what was checked.
const (
	fine    = "ok"
	suspect = "warn" // it works, or it may be meant so
	broken  = "fail" // it won't work
)

// doctor checks one thing after the other. What it reads from outside of the database comes in as functions.
type doctor struct {
	program
	out    io.Writer
	now    func() time.Time
	lookup func(ctx context.Context, host string) ([]string, error)
	get    func(ctx context.Context, address string) (status int, err error)

	config config
	db     *store.Store
	failed int
}

// say writes one line: the state, what it is about, and what there is to do about it.
func (d *doctor) say(state, about, format string, args ...any) {
	if state == broken {
		d.failed++
	}
	fmt.Fprintf(d.out, "%-4s  %-11s  %s\n", state, about, fmt.Sprintf(format, args...))
}

// examine runs the checks in the order of their needs; what needs something that is broken is left out.
func (d *doctor) examine(ctx context.Context, flags *pflag.FlagSet) error {
	var err error
	if d.config, err = readConfig(d.env, flags, false); err != nil {
		d.say(broken, "settings", "%v", err)
		return d.result()
	}
	d.checkSettings()
	if d.openDatabase(ctx) {
		d.checkDatabase(ctx)
		if err := d.db.Close(); err != nil {
			d.say(suspect, "database", "it can't be closed: %v", err)
		}
	}
	d.checkEgress(ctx)
	return d.result()
}

func (d *doctor) result() error {
	if d.failed == 0 {
		return nil
	}
	return errors.New(counted(d.failed, "check") + " failed")
}

// within runs one look with a limit of its own.
func (d *doctor) within(ctx context.Context, look func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	look(ctx)
}

// checkEgress tries what calls to endpoints and to the sandbox's inboxes need.
func (d *doctor) checkEgress(ctx context.Context) {
	const name = "example.com" // reserved for such uses by RFC 2606
	d.within(ctx, func(ctx context.Context) {
		if _, err := d.lookup(ctx, name); err != nil {
			d.say(suspect, "dns", "%s does not resolve here: endpoints outside of this network can't be reached by name. Look at the resolver, unless all endpoints are inside.", name)
			return
		}
		d.say(fine, "dns", "%s resolves", name)
	})
	address := publicURL(d.config.PublicURL, d.config.Listen)
	shown := withoutCredentials(address)
	d.within(ctx, func(ctx context.Context) {
		status, err := d.get(ctx, strings.TrimSuffix(address, "/")+"/healthz")
		switch {
		case err == nil && status == http.StatusOK:
			d.say(fine, "public_url", "%s answers", shown)
		case err == nil:
			d.say(broken, "public_url", "%s/healthz answers %d: something else is there, or a proxy does not pass it on. Inboxes are not reached.", shown, status)
		case d.config.PublicURL == "":
			d.say(suspect, "public_url", "nothing answers at %s: start serve, or set HOOKROUTER_PUBLIC_URL where the service is reached elsewhere.", shown)
		default:
			d.say(broken, "public_url", "nothing answers at %s: start serve, or correct HOOKROUTER_PUBLIC_URL. Inboxes are not reached.", shown)
		}
	})
}

// reach asks for the status at an address. The error says nothing of the address, which may hold credentials.
func reach(ctx context.Context, address string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, errors.New("it is no address")
	}
	client := http.Client{Timeout: checkTime}
	resp, err := client.Do(req)
	if err != nil {
		return 0, errors.New("no answer")
	}
	return resp.StatusCode, resp.Body.Close()
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
