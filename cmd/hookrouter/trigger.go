package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

// errTestFailed ends trigger --webhook where the endpoint did not take the test, so that scripts see it.
var errTestFailed = errors.New("the test was not delivered")

func triggerCommand(p program) *cobra.Command {
	var webhook string
	cmd := &cobra.Command{
		Use:   "trigger EVENT [--webhook ID]",
		Short: "Send a sample of an event",
		Long: "Publishes a sample of an event in the sandbox, to whoever subscribes to it there. With --webhook it goes to that subscription\n" +
			"alone, which may be a production one, and the outcome is printed.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.newClient(cmd)
			if err != nil {
				return err
			}
			body := map[string]string{"event_name": args[0]}
			if webhook != "" {
				return p.test(cmd, c, webhook, body)
			}
			var receipt struct {
				EventID string `json:"event_id"`
				Matched int    `json:"matched"`
			}
			if err := c.call(cmd.Context(), http.MethodPost, "/v3/sandbox/events", body, &receipt); err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.stdout, "%s %s: %d sandbox subscriptions\n", args[0], receipt.EventID, receipt.Matched)
			return err
		},
	}
	cmd.Flags().StringVar(&webhook, "webhook", "", "id of the one subscription to send it to")
	clientFlags(cmd)
	return cmd
}

// test sends a sample to one subscription and prints what became of it.
func (p program) test(cmd *cobra.Command, c *client, webhook string, body map[string]string) error {
	if len(webhook) != 36 { // it becomes a part of the address
		return usageError{errors.New("--webhook must be the id of a subscription")}
	}
	var out struct {
		EventID    string `json:"event_id"`
		DeliveryID string `json:"delivery_id"`
		Status     string `json:"status"`
		Attempt    *struct {
			Detail   *string
			Response *struct{ Status int }
			Timings  struct{ Total float64 } `json:"timings_ms"`
		}
	}
	if err := c.call(cmd.Context(), http.MethodPost, "/v3/webhooks/"+webhook+"/test", body, &out); err != nil {
		return err
	}
	line := fmt.Sprintf("%s %s: %s", body["event_name"], out.EventID, out.Status)
	if at := out.Attempt; at != nil {
		if at.Response != nil {
			line += fmt.Sprintf(", answer %d", at.Response.Status)
		}
		line += fmt.Sprintf(" after %.0f ms", at.Timings.Total)
		if at.Detail != nil {
			line += ": " + *at.Detail
		}
	}
	if _, err := fmt.Fprintf(p.stdout, "%s (delivery %s)\n", line, out.DeliveryID); err != nil {
		return err
	}
	if out.Status != "delivered" {
		return errTestFailed
	}
	return nil
}
