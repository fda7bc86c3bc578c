package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// importer is one run of import.
type importer struct {
	program
	api         *client
	apply, skip bool
	teams       map[string]string
	wait        func(context.Context, time.Duration) error
}

// run checks every row before anything is created, then creates, then says what became of each.
func (im *importer) run(ctx context.Context, rows []importRow) error {
	if err := im.find(ctx, rows); err != nil {
		return err
	}
	refused := 0
	for i := range rows {
		r := &rows[i]
		if r.refused == "" && !r.exists {
			if err := im.check(ctx, r); err != nil {
				return fmt.Errorf("check %s: %w; nothing was created", r.name, err)
			}
		}
		if r.refused != "" {
			refused++
		}
	}
	creating := im.apply && (refused == 0 || im.skip)
	if creating {
		if err := im.create(ctx, rows); err != nil {
			return err
		}
	}
	if err := im.report(rows, creating); err != nil {
		return err
	}
	if refused > 0 {
		return errImportRefused
	}
	return nil
}

// identity is what makes two subscriptions the same for an import: where to, in which format, and which events. Secret, description,
// auto_retry and enabled are not in it, since they may have been changed here after an earlier import.
func (w *wantedWebhook) identity() string {
	list := func(entries []string) string {
		sorted := slices.Clone(entries)
		slices.Sort(sorted)
		return strings.ToLower(strings.Join(slices.Compact(sorted), ","))
	}
	return strings.Join([]string{
		w.Format, w.Endpoint, given(w.EntityKey), fmt.Sprint(w.Sandbox), list(w.Events), list(w.Scopes), list(w.Workspaces),
	}, "\x00")
}

// find marks the rows that exist. Two rows that are the same need two subscriptions that are.
func (im *importer) find(ctx context.Context, rows []importRow) error {
	var present []wantedWebhook
	err := im.patiently(ctx, func() error { return im.api.call(ctx, http.MethodGet, "/v3/webhooks", nil, &present) })
	if err != nil {
		return fmt.Errorf("list the webhooks that exist: %w", err)
	}
	count := map[string]int{}
	for i := range present {
		count[present[i].identity()]++
	}
	for i := range rows {
		if r := &rows[i]; r.refused == "" && count[r.wanted.identity()] > 0 {
			count[r.wanted.identity()]--
			r.exists, r.note = true, ""
		}
	}
	return nil
}

// check asks the service whether it would take the row, under the rules that creating it is under.
func (im *importer) check(ctx context.Context, r *importRow) error {
	body := struct {
		wantedWebhook
		Last int `json:"last_events"`
	}{r.wanted, 1}
	err := im.patiently(ctx, func() error { return im.api.call(ctx, http.MethodPost, "/v3/webhooks/dry_run", body, nil) })
	if e, ok := errors.AsType[*apiError](err); ok && e.status == http.StatusBadRequest {
		r.refuse(e.text)
		return nil
	}
	return err
}

// create makes the rows that are left. Failure policy: when one can't be made, those that were made before it are removed again, so that
// nothing is half done; what can't be removed is named, and the next run finds it.
func (im *importer) create(ctx context.Context, rows []importRow) error {
	for i := range rows {
		r := &rows[i]
		if r.refused != "" || r.exists {
			continue
		}
		var made struct{ ID string }
		err := im.patiently(ctx, func() error { return im.api.call(ctx, http.MethodPost, "/v3/webhooks", r.wanted, &made) })
		if err == nil {
			r.made = made.ID
			continue
		}
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestWait)
		defer cancel()
		return errors.Join(fmt.Errorf("create %s: %w", r.name, err), im.undo(cleaning, rows[:i]))
	}
	return nil
}

// undo removes what was created.
func (im *importer) undo(ctx context.Context, rows []importRow) error {
	removed := 0
	var errs []error
	for i := range rows {
		if rows[i].made == "" {
			continue
		}
		err := im.patiently(ctx, func() error { return im.api.call(ctx, http.MethodDelete, "/v3/webhooks/"+rows[i].made, nil, nil) })
		if err != nil {
			errs = append(errs, fmt.Errorf("remove %s again: %w", rows[i].made, err))
			continue
		}
		removed++
	}
	if removed > 0 {
		_, err := fmt.Fprintf(im.stderr, "what had been created was removed again: %d\n", removed)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// patiently makes a call, again and again while it is refused because there were too many.
func (im *importer) patiently(ctx context.Context, call func() error) error {
	for {
		err := call()
		e, ok := errors.AsType[*apiError](err)
		if !ok || e.status != http.StatusTooManyRequests || e.retryAfter <= 0 || e.retryAfter > longestWait {
			return err
		}
		if _, err := fmt.Fprintf(im.stderr, "the limit of calls is reached; going on in %s\n", e.retryAfter); err != nil {
			return err
		}
		if err := im.wait(ctx, e.retryAfter); err != nil {
			return err
		}
	}
}

// sleep waits, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// report prints a line for each row, and one for all.
func (im *importer) report(rows []importRow, created bool) error {
	verb := map[bool]string{true: "created", false: "create"}[created]
	out := tabwriter.NewWriter(im.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(out, "ROW\tTHERE\tSTATE\tENDPOINT\tEVENTS\tHERE")
	count := map[string]int{}
	for i := range rows {
		r := &rows[i]
		state, here := verb, r.made
		switch {
		case r.refused != "":
			state, here = "refused", r.refused
		case r.exists:
			state = "exists"
		case r.note != "":
			here = strings.TrimSpace(here + " " + r.note)
		}
		count[state]++
		fmt.Fprintf(out, "%d\t%s\t%s\t%s\t%d\t%s\n", i+1, oneLine(r.name), state, oneLine(shownEndpoint(r.wanted.Endpoint)), len(r.wanted.Events), oneLine(here))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	summary := fmt.Sprintf("%d to create, %d exist, %d can't be imported.", count["create"], count["exists"], count["refused"])
	switch {
	case created:
		summary = fmt.Sprintf("%d created, %d exist, %d can't be imported.", count["created"], count["exists"], count["refused"])
	case im.apply:
		summary += " Nothing was created; --skip leaves out what can't be imported."
	default:
		summary += " Nothing was changed; --apply creates."
	}
	_, err := fmt.Fprintln(im.stdout, summary)
	return err
}

// oneLine keeps what a file says from moving the terminal's cursor or breaking the table.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return ' '
		}
		return r
	}, s)
}
