package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// listenTTL is how long the inbox of listen lives at most. Failure policy: what is left behind by a listen that was killed goes away
	// by itself; its subscription then only meets an address that does not exist, and can be deleted.
	listenTTL = 24 * time.Hour
	// listenPace is the shortest time between two looks, which are management calls: below 60 a minute.
	listenPace = time.Second
	// listenWait is how long a look waits for something to arrive.
	listenWait = 20
	// forwardTimeout is for the local receiver. It is longer than a delivery's own, because somebody may sit in its debugger.
	forwardTimeout = time.Minute
	// listenPatience is for how many looks in a row the service may be away.
	listenPatience = 30
	cleanUpTimeout = 10 * time.Second
)

func listenCommand(p program) *cobra.Command {
	l := listener{program: p}
	cmd := &cobra.Command{
		Use:   "listen --forward-to URL",
		Short: "Forward sandbox events to an address on this machine",
		Long: "Makes a sandbox subscription and an inbox, forwards what arrives there to an address that only this machine can reach, with the\n" +
			"original headers and body, and removes both at the end. Needs a key that may manage subscriptions.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			u, err := url.Parse(l.target)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				return usageError{errors.New("--forward-to must be an http or https address")}
			}
			if l.api, err = p.newClient(cmd); err != nil {
				return err
			}
			l.local = &http.Client{
				Timeout:       forwardTimeout,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
			return l.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&l.target, "forward-to", "", "where to send what arrives, such as http://127.0.0.1:3000/webhooks")
	cmd.Flags().StringSliceVar(&l.events, "events", []string{"*"}, "events to subscribe to")
	cmd.Flags().StringVar(&l.secret, "secret", "", "secret_key of the subscription, 32 characters; made where absent")
	_ = cmd.MarkFlagRequired("forward-to")
	clientFlags(cmd)
	return cmd
}

// listener is one run of listen.
type listener struct {
	program
	api    *client
	local  *http.Client
	target string
	secret string
	events []string

	inbox, webhook string // ids of what was made
	seen           int    // number of the last request that was forwarded
}

// run sets up, forwards until ctx ends, and cleans up, also after a failure in between.
func (l *listener) run(ctx context.Context) error {
	err := l.setUp(ctx)
	if err == nil {
		err = l.forwardAll(ctx)
	}
	cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	return errors.Join(err, l.cleanUp(cleaning))
}

func (l *listener) setUp(ctx context.Context) error {
	var inbox struct{ ID, URL string }
	err := l.api.call(ctx, http.MethodPost, "/v3/sandbox/inboxes",
		map[string]any{"name": "hookrouter listen", "ttl_seconds": int(listenTTL / time.Second)}, &inbox)
	if err != nil {
		return fmt.Errorf("make an inbox: %w", err)
	}
	l.inbox = inbox.ID
	body := map[string]any{
		"endpoint": inbox.URL, "description": "hookrouter listen", "sandbox": true, "subscribed_events": l.events,
		"scopes": []string{"*"}, "auto_retry": false, "enabled": true, "secret_key": nil,
	}
	if l.secret != "" {
		body["secret_key"] = l.secret
	}
	var webhook struct {
		ID     string
		Secret string `json:"secret_key"`
	}
	if err := l.api.call(ctx, http.MethodPost, "/v3/webhooks", body, &webhook); err != nil {
		return fmt.Errorf("make a subscription: %w", err)
	}
	l.webhook = webhook.ID
	_, err = fmt.Fprintf(l.stdout, "listening as %s, forwarding to %s\nsecret %s\n", webhook.ID, l.target, webhook.Secret)
	return err
}

// cleanUp removes what was made. The subscription goes first, so that nothing is sent to an inbox that is gone.
func (l *listener) cleanUp(ctx context.Context) error {
	var errs []error
	for _, made := range [...]struct{ path, id string }{{"/v3/webhooks/", l.webhook}, {"/v3/sandbox/inboxes/", l.inbox}} {
		if made.id == "" {
			continue
		}
		if err := l.api.call(ctx, http.MethodDelete, made.path+made.id, nil, nil); err != nil {
			errs = append(errs, fmt.Errorf("clean up %s%s: %w", made.path, made.id, err))
		}
	}
	return errors.Join(errs...)
}

// arrived is a request as the service shows it.
type arrived struct {
	Number    int
	Headers   []struct{ Name, Value string }
	Body      string
	Encoding  string `json:"body_encoding"`
	Signature string
}

// forwardAll forwards what arrives until ctx ends. Failure policy: a service that is away for a moment, or asks for patience, is asked
// again; one that refuses ends it.
func (l *listener) forwardAll(ctx context.Context) error {
	away := 0
	for ctx.Err() == nil {
		pause := listenPace
		list, err := l.look(ctx)
		refused, answered := errors.AsType[*apiError](err)
		switch {
		case ctx.Err() != nil: // what the look says then is that it was cut off
		case err == nil:
			away = 0
			for _, r := range list {
				l.forward(ctx, r)
				l.seen = r.Number
			}
		case answered && refused.status != http.StatusTooManyRequests && refused.status < http.StatusInternalServerError:
			return err
		default:
			if away++; away > listenPatience {
				return err
			}
			if answered {
				pause = max(pause, min(refused.retryAfter, time.Minute))
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return nil
}

// look waits for what has arrived since the last look, oldest first.
func (l *listener) look(ctx context.Context) ([]arrived, error) {
	var list []arrived
	query := fmt.Sprintf("?from_number=%d&wait_seconds=%d&limit=100", l.seen+1, listenWait)
	for after := ""; ; {
		var page struct {
			Meta struct {
				Next *string `json:"next_cursor"`
			}
			Data []arrived
		}
		if err := l.api.call(ctx, http.MethodGet, "/v3/sandbox/inboxes/"+l.inbox+"/requests"+query+after, nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Data...)
		if page.Meta.Next == nil {
			slices.Reverse(list)
			return list, nil
		}
		after = "&after=" + url.QueryEscape(*page.Meta.Next)
	}
}

// hopByHop are headers of one connection, which the forwarding call has its own of (RFC 9110, section 7.6.1).
var hopByHop = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Te", "Trailer", "Upgrade", "Accept-Encoding"}

// forward sends one request on and prints what came back. A failure is printed too: the local receiver may be just being restarted.
func (l *listener) forward(ctx context.Context, r arrived) {
	body := []byte(r.Body)
	if r.Encoding == "base64" {
		var err error
		if body, err = base64.StdEncoding.DecodeString(r.Body); err != nil {
			l.say("#%d: the body can't be read", r.Number)
			return
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.target, bytes.NewReader(body))
	if err != nil {
		l.say("#%d: %v", r.Number, err)
		return
	}
	for _, h := range r.Headers {
		if !slices.ContainsFunc(hopByHop, func(name string) bool { return strings.EqualFold(name, h.Name) }) {
			req.Header.Add(h.Name, h.Value)
		}
	}
	resp, err := l.local.Do(req)
	if err != nil {
		l.say("#%d %s (signature %s): %v", r.Number, eventName(body), r.Signature, err)
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	_ = resp.Body.Close()
	l.say("#%d %s (signature %s): %s", r.Number, eventName(body), r.Signature, resp.Status)
}

func (l *listener) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.stdout, format+"\n", args...) // nobody is left to tell where the terminal is gone
}
