package models

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure an [Error] is. handlers maps each code to one HTTP status.
type Code string

// The codes. Anything without a code is [CodeInternal], and its text is never shown to a client.
const (
	CodeInvalid      Code = "invalid"      // the input is wrong; Fields says where
	CodeUnauthorized Code = "unauthorized" // no key, or one that is not valid (any more)
	CodeForbidden    Code = "forbidden"    // the key is valid but may not do this
	CodeNotEnabled   Code = "not_enabled"  // the feature is not open to this key's environment
	CodeQuota        Code = "quota"        // the organization has all it may have
	CodeNotFound     Code = "not_found"    // there is no such thing, or not for this organization
	CodeConflict     Code = "conflict"     // it contradicts what is already stored
	CodeTooLarge     Code = "too_large"    // the body is larger than accepted
	CodeMediaType    Code = "media_type"   // the body is not JSON
	CodeRateLimited  Code = "rate_limited" // too many calls in the window
	CodeUnavailable  Code = "unavailable"  // try again later: overload, shutdown or no database
	CodeStale        Code = "stale"        // the caller's copy of the rules is behind the database's
	CodeFenced       Code = "fenced"       // this instance was declared dead; its work belongs to others now
	CodeInternal     Code = "internal"     // a bug or an unexpected failure
)

// Codes lists every code, for tables that must cover them all.
func Codes() []Code {
	return []Code{
		CodeInvalid, CodeUnauthorized, CodeForbidden, CodeNotEnabled, CodeQuota, CodeNotFound, CodeConflict, CodeTooLarge,
		CodeMediaType, CodeRateLimited, CodeUnavailable, CodeStale, CodeFenced, CodeInternal,
	}
}

// FieldError names one wrong field of the input and says what is wrong with it.
type FieldError struct {
	Name   string // as the client wrote it, for example "subscribed_events[2]"
	Reason string // a sentence that may be shown to the client
}

// Error is a failure with a code. Message may be shown to clients; Err, the cause, may not.
type Error struct {
	Code    Code
	Message string
	Fields  []FieldError
	Err     error
}

// Errorf makes an [Error] whose message is safe to show to a client. Like fmt.Errorf it keeps a %w cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Invalid is the error of wrong input that names its fields.
func Invalid(fields ...FieldError) *Error {
	return &Error{Code: CodeInvalid, Message: "Some parameters are not valid.", Fields: fields}
}

// Error is the message with the fields that are wrong, for logs.
func (e *Error) Error() string {
	if len(e.Fields) == 0 {
		return e.Message
	}
	var b strings.Builder
	b.WriteString(e.Message)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " %s: %s", f.Name, f.Reason)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the first [Error] in err's chain, and [CodeInternal] where there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
