package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthcheckTimeout stays below the three seconds that the container's health check allows.
const healthcheckTimeout = 2 * time.Second

// healthcheckCommand exists for containers: their image has no shell and no curl.
func healthcheckCommand(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the local instance whether it is ready; exits 1 when it is not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(p.env, cmd.InheritedFlags(), false)
			if err != nil {
				return err
			}
			host, port, err := net.SplitHostPort(c.Listen)
			if err != nil {
				return usageError{fmt.Errorf("listen: %w", err)}
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", http.NoBody)
			if err != nil {
				return err
			}
			client := http.Client{Timeout: healthcheckTimeout}
			resp, err := client.Do(req)
			if err != nil {
				return fmt.Errorf("not ready: %w", err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s", resp.Status)
			}
			return nil
		},
	}
}
