package main

import (
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"hookrouter/signing"
)

// maxVerifyBody bounds what verify reads: no delivery is larger.
const maxVerifyBody = 1 << 20

func verifyCommand(p program) *cobra.Command {
	var secret, signature, file string
	cmd := &cobra.Command{
		Use:   "verify --secret SECRET --signature sha256=… [--body FILE]",
		Short: "Check a webhook's signature by hand",
		Long:  "Checks the X-Yousign-Signature-256 header of a received call against its body, byte for byte as it arrived.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := cmd.InOrStdin()
			if file != "-" {
				f, err := os.Open(file) //nolint:gosec // the path is the user's own argument
				if err != nil {
					return usageError{err}
				}
				defer f.Close()
				in = f
			}
			body, err := io.ReadAll(io.LimitReader(in, maxVerifyBody))
			if err != nil {
				return fmt.Errorf("read body: %w", err)
			}
			header := http.Header{}
			header.Set(signing.SignatureHeader, signature)
			if err := signing.Verify(header, body, secret); err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.stdout, "signature ok")
			return err
		},
	}
	cmd.Flags().StringVar(&secret, "secret", "", "the subscription's secret_key")
	cmd.Flags().StringVar(&signature, "signature", "", "value of the signature header")
	cmd.Flags().StringVar(&file, "body", "-", "file with the body, - for standard input")
	_ = cmd.MarkFlagRequired("secret")
	_ = cmd.MarkFlagRequired("signature")
	return cmd
}
