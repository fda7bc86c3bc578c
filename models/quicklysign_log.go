package models

import (
	"encoding/base64"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Key is the key of an entry: the place where it stands, which no other has.
func (p CallbackPlace) Key() string { return base64.RawURLEncoding.EncodeToString(p.Bytes()) }

// Sentence is what an entry says. QuicklySign's page on logs (https://docs.quicklysign.com/docs/webhook-logs) has two sentences, that of a call which begins and that of one which succeeded; the
// others are ours in the same manner. An entry never changes, so it does not say what will come.
func (e *CallbackEntry) Sentence() string {
	a := &e.Attempt
	switch {
	case !e.Place.Ended && a.Number == 1:
		return "Calling callback url " + a.Endpoint + "."
	case !e.Place.Ended:
		return "Calling callback url " + a.Endpoint + ". Retry " + strconv.Itoa(a.Number-1) + "."
	case a.Success:
		return "Successful call to url " + a.Endpoint + ". Received " + strconv.Itoa(a.StatusCode) + " response"
	}
	return "Failed call to url " + a.Endpoint + ". " + failedCall(a)
}

// failedCall is why a call failed.
func failedCall(a *Attempt) string {
	if a.Reason == ReasonStatus {
		text := "Received " + strconv.Itoa(a.StatusCode) + " response"
		if a.StatusCode >= 300 && a.StatusCode < 400 {
			text += ". Redirects are not followed"
		}
		return text
	}
	if a.Detail != "" {
		return capital(a.Detail)
	}
	return "Error: " + string(a.Reason)
}

// capital is a sentence with its first letter in upper case.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
