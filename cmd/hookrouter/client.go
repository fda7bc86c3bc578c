package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// The environment of the commands that talk to a running service. They are no settings of the service.
const (
	envAPIURL = envPrefix + "API_URL"
	envAPIKey = envPrefix + "API_KEY"

	defaultAPIURL = "http://127.0.0.1:8080"
)

const (
	// clientTimeout is above the longest answer: a test of a slow endpoint, and a look at an inbox that waits.
	clientTimeout = 70 * time.Second
	// maxClientAnswer bounds an answer: a page of what an inbox keeps, with its escapes.
	maxClientAnswer = 64 << 20
)

// client talks to a running service.
type client struct {
	base, key string
	http      *http.Client
}

// clientFlags offers the address and the key as flags.
func clientFlags(cmd *cobra.Command) {
	cmd.Flags().String("api-url", "", "address of the running service (or "+envAPIURL+"; default "+defaultAPIURL+")")
	cmd.Flags().String("api-key", "", "API key (better in "+envAPIKey+", where others on this machine can't read it)")
}

// newClient reads what clientFlags offers.
func (p program) newClient(cmd *cobra.Command) (*client, error) {
	pick := func(flag, env, otherwise string) string {
		if v, err := cmd.Flags().GetString(flag); err == nil && v != "" {
			return v
		}
		if v := p.env[env]; v != "" {
			return v
		}
		return otherwise
	}
	base := strings.TrimRight(pick("api-url", envAPIURL, defaultAPIURL), "/")
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usageError{errors.New("--api-url must be an http or https address")}
	}
	key := pick("api-key", envAPIKey, "")
	if key == "" {
		return nil, usageError{errors.New("an API key is missing: set " + envAPIKey)}
	}
	return &client{base: base, key: key, http: &http.Client{
		Timeout: clientTimeout,
		// Failure policy: redirects are not followed, because the key would go to wherever they lead.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// apiError is an answer that is not a success.
type apiError struct {
	status     int
	retryAfter time.Duration
	text       string
}

func (e *apiError) Error() string { return e.text }

// call makes one call and reads its answer into out, unless that is nil.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode call: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("make call: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("call the service: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxClientAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return refusal(resp, b)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// refusal makes an error of an answer's problem.
func refusal(resp *http.Response, body []byte) error {
	var problem struct {
		Detail        string
		InvalidParams []struct{ Name, Reason string } `json:"invalid_params"`
	}
	e := &apiError{status: resp.StatusCode, text: resp.Status}
	if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		e.text += ": " + problem.Detail
		for _, p := range problem.InvalidParams {
			e.text += " " + p.Name + ": " + p.Reason
		}
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e.retryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// eventName is the name in a delivery's body, in whichever format names it so; "event" where none does.
func eventName(body []byte) string {
	var named struct {
		EventName string `json:"event_name"`
		Type      string `json:"type"`
		Event     string `json:"event"`
		Callback  string `json:"callback_event"`
	}
	if json.Unmarshal(body, &named) != nil {
		return "event"
	}
	return cmp.Or(named.EventName, named.Type, named.Event, named.Callback, "event")
}
