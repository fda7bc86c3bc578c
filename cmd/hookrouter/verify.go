package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hookrouter/signing"
)

// maxVerifyBody bounds what verify reads: no delivery is larger.
const maxVerifyBody = 1 << 20

// verification is what verify is asked.
type verification struct {
	secret, signature, file string
	id, timestamp           string // of Standard Webhooks
}

func verifyCommand(p program) *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify --secret SECRET --signature sha256=… [--body FILE]",
		Short: "Check a webhook's signature by hand",
		Long: `Checks the signature of a received call against its body, byte for byte as it arrived.

Formats yousign, cloudevents and cloudevents_structured: the value of X-Yousign-Signature-256, or of one of the headers beside it while
the secret is exchanged. Format standard_webhooks: the values of webhook-signature, webhook-id and webhook-timestamp, and as the
secret whsec_… or whpk_…`,
		Example: `  hookrouter verify --secret "$SECRET" --signature "$SIGNATURE" --body body.json
  hookrouter verify --secret whsec_… --signature v1,… --id "$ID" --timestamp "$TIMESTAMP" --body body.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := v.read(cmd.InOrStdin())
			if err != nil {
				return err
			}
			if err := v.check(body); err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.stdout, "signature ok")
			return err
		},
	}
	cmd.Flags().StringVar(&v.secret, "secret", "", "the subscription's secret_key")
	cmd.Flags().StringVar(&v.signature, "signature", "", "value of the signature header")
	cmd.Flags().StringVar(&v.id, "id", "", "value of webhook-id, for standard_webhooks")
	cmd.Flags().StringVar(&v.timestamp, "timestamp", "", "value of webhook-timestamp, for standard_webhooks")
	cmd.Flags().StringVar(&v.file, "body", "-", "file with the body, - for standard input")
	cmd.MarkFlagsRequiredTogether("id", "timestamp")
	_ = cmd.MarkFlagRequired("secret")
	_ = cmd.MarkFlagRequired("signature")
	return cmd
}

func (v *verification) read(in io.Reader) ([]byte, error) {
	if v.file != "-" {
		f, err := os.Open(v.file)
		if err != nil {
			return nil, usageError{err}
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(io.LimitReader(in, maxVerifyBody))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return body, nil
}

// check looks at no clock: whoever checks by hand does it later.
func (v *verification) check(body []byte) error {
	header := http.Header{}
	if v.id == "" {
		header.Set(signing.SignatureHeader, v.signature)
		return signing.Verify(header, body, v.secret)
	}
	header.Set(signing.StandardSignatureHeader, v.signature)
	header.Set(signing.StandardIDHeader, v.id)
	header.Set(signing.StandardTimestampHeader, v.timestamp)
	return signing.VerifyStandard(header, body, time.Time{}, 0, v.secret)
}
