package signing

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Why a request is refused. Test with errors.Is: a returned error may wrap one of these with detail.
var (
	// ErrNoSignature says that no signature header is present.
	ErrNoSignature = errors.New("no signature header")

	// ErrMalformed says that a header is present but does not have its form.
	ErrMalformed = errors.New("malformed header")

	// ErrMismatch says that no signature fits: the secret is another one, or the body was changed.
	ErrMismatch = errors.New("signature does not match")

	// ErrNoIssuedAt says that the timestamp header is absent.
	ErrNoIssuedAt = errors.New("no " + IssuedAtHeader + " header")

	// ErrTooOld says that the request was issued longer ago than the tolerance.
	ErrTooOld = errors.New("request is too old")

	// ErrTooNew says that the request was issued further in the future than the tolerance: one of the clocks is wrong.
	ErrTooNew = errors.New("request is from the future")
)

// Verify returns nil when one of the secrets signed body, by any of the three signature headers. Pass the body exactly as
// received, and one secret, or several while secrets are being exchanged.
//
// Otherwise the error wraps [ErrNoSignature], [ErrMalformed] or [ErrMismatch] (refuse the request), or [ErrSecret] (correct
// the settings of the receiver: with no secret, or with a bad one among them, no request is accepted).
//
// The comparison takes the same time wherever the first difference is.
func Verify(header http.Header, body []byte, secrets ...string) error {
	if len(secrets) == 0 {
		return fmt.Errorf("%w: none given", ErrSecret)
	}
	for _, secret := range secrets {
		if err := CheckSecret(secret); err != nil {
			return err
		}
	}
	given, err := signatures(header)
	if err != nil {
		return err
	}
	for _, secret := range secrets {
		want := []byte(Sign(secret, body))
		for _, signature := range given {
			if hmac.Equal([]byte(signature), want) {
				return nil
			}
		}
	}
	return ErrMismatch
}

// signatures collects the well-formed values of the signature headers. A malformed value beside a well-formed one is passed
// over, because something between sender and receiver may have added it; alone it is an error.
func signatures(header http.Header) ([]string, error) {
	var found []string
	malformed := ""
	for _, name := range []string{SignatureHeader, NextSignatureHeader, PreviousSignatureHeader} {
		for _, value := range header.Values(name) {
			if wellFormed(value) {
				found = append(found, value)
			} else {
				malformed = name
			}
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case malformed != "":
		return nil, fmt.Errorf("%w: %s", ErrMalformed, malformed)
	default:
		return nil, ErrNoSignature
	}
}

// wellFormed reports whether value could be a signature. There is one spelling only: upper-case digits are refused.
func wellFormed(value string) bool {
	digits, ok := strings.CutPrefix(value, scheme)
	return ok && len(value) == signatureLength && strings.Trim(digits, "0123456789abcdef") == ""
}

// issuedAtDigits is the greatest length of a time in Unix seconds that is taken for one. Failure policy: refuse longer ones,
// because 13 digits are milliseconds, whose meaning as seconds would be a date far in the future.
const issuedAtDigits = 12

// CheckIssuedAt returns nil when the request says it was issued within tolerance of now, before or after. A tolerance of 0
// switches the check off; a negative one accepts nothing. The error wraps [ErrNoIssuedAt], [ErrMalformed], [ErrTooOld] or
// [ErrTooNew].
//
// It finds wrong clocks and requests that were held up on the way. It is no protection against an attacker, because in this
// scheme no signature covers the timestamp (https://developers.yousign.com/docs/security): who can repeat a recorded request
// can also write a fresh time into it. Only remembering event_id protects against that.
//
// Each retry is issued anew, so a tolerance of some minutes does not refuse late retries.
func CheckIssuedAt(header http.Header, now time.Time, tolerance time.Duration) error {
	if tolerance == 0 {
		return nil
	}
	if len(header.Values(IssuedAtHeader)) == 0 {
		return ErrNoIssuedAt
	}
	at, err := unixTime(header, IssuedAtHeader)
	if err != nil {
		return err
	}
	return checkAge(at, now, tolerance)
}

// unixTime reads a header of Unix seconds.
func unixTime(header http.Header, name string) (time.Time, error) {
	values := header.Values(name)
	// Two values are refused even where they agree, since code that reads the other one would decide about another time.
	if len(values) != 1 || len(values[0]) > issuedAtDigits || strings.Trim(values[0], "0123456789") != "" {
		return time.Time{}, fmt.Errorf("%w: %s", ErrMalformed, name)
	}
	seconds, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil { // empty
		return time.Time{}, fmt.Errorf("%w: %s", ErrMalformed, name)
	}
	return time.Unix(seconds, 0), nil
}

// checkAge returns nil when at is within tolerance of now.
func checkAge(at, now time.Time, tolerance time.Duration) error {
	switch age := now.Sub(at); {
	case age > tolerance:
		return fmt.Errorf("%w: issued %s ago", ErrTooOld, age.Round(time.Second))
	case age < -tolerance:
		return fmt.Errorf("%w: issued %s ahead", ErrTooNew, (-age).Round(time.Second))
	default:
		return nil
	}
}
