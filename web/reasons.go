package web

import (
	"strconv"
	"strings"

	"hookrouter/models"
)

// reasonWords says in a few words why an attempt failed or a delivery was canceled.
func reasonWords(r models.Reason) string {
	switch r {
	case models.ReasonDNS:
		return "name not found"
	case models.ReasonConnect:
		return "no connection"
	case models.ReasonTLS:
		return "TLS failed"
	case models.ReasonTimeout:
		return "timed out"
	case models.ReasonReset:
		return "connection broke"
	case models.ReasonProtocol:
		return "not valid HTTP"
	case models.ReasonStatus:
		return "answered an error"
	case models.ReasonTooManyRedirects:
		return "too many redirects"
	case models.ReasonBadRedirect:
		return "bad redirect"
	case models.ReasonBlockedAddress:
		return "address not allowed"
	case models.ReasonInvalid:
		return "could not be built"
	case models.ReasonDeleted:
		return "subscription deleted"
	case models.ReasonDisabled:
		return "subscription disabled"
	case models.ReasonAutoRetryOff:
		return "retries are off"
	case models.ReasonDataRemoved:
		return "data removed"
	case models.ReasonUnknown:
		return "no reason known"
	}
	return string(r)
}

// reasonOf is the same with what was answered, 0 where that is not known.
func reasonOf(r models.Reason, status int) string {
	if r == models.ReasonStatus && status != 0 {
		return "answered " + strconv.Itoa(status)
	}
	return reasonWords(r)
}

// reasonTitle is the same as the beginning of a sentence or of a row.
func reasonTitle(r models.Reason) string {
	words := reasonWords(r)
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// reasonAdvice says what happened and what whoever runs the endpoint can do about it.
func reasonAdvice(r models.Reason, status int) string {
	switch r {
	case models.ReasonDNS:
		return "The name in the endpoint's address could not be found. Check it for typing errors, and that its DNS records are there."
	case models.ReasonConnect:
		return "Nothing took the connection. Check that the endpoint runs, listens on this port, and that no firewall is before it."
	case models.ReasonTLS:
		return "The secure connection was not made. Check that the certificate is valid, belongs to this name, and that its chain is complete."
	case models.ReasonTimeout:
		return "The endpoint did not finish its answer in time. Let it answer at once, and work on the event afterwards."
	case models.ReasonReset:
		return "The endpoint closed the connection before it answered. Look into its log, and into that of a proxy before it."
	case models.ReasonProtocol:
		return "What came back is not valid HTTP. Check that the port is that of a web server, and that https is not spoken to a plain one."
	case models.ReasonStatus:
		return statusAdvice(status)
	case models.ReasonTooManyRedirects:
		return "The endpoint redirected again and again. Subscribe the address that it leads to."
	case models.ReasonBadRedirect:
		return "The endpoint redirected to no valid address, or from https to http, which is not followed. Subscribe the final address."
	case models.ReasonBlockedAddress:
		return "The name leads to an address inside a network that deliveries may not reach. Use an address that is public, or ask the operator to allow it."
	case models.ReasonInvalid:
		return "The request could not be built from the subscription. Check its address and headers."
	case models.ReasonDeleted:
		return "The subscription was deleted, and with that what waited for it was canceled."
	case models.ReasonDisabled:
		return "The subscription was disabled, and with that what waited for it was canceled. Enable it, then send this again."
	case models.ReasonAutoRetryOff:
		return "An attempt failed, and the subscription is not retried. Send it again by hand, or switch its retries on."
	case models.ReasonDataRemoved:
		return "The event's data was removed by request, so there is nothing left to send."
	case models.ReasonUnknown:
		return "Why it failed was not noted."
	}
	return ""
}

func statusAdvice(status int) string {
	answered := "The endpoint answered " + strconv.Itoa(status)
	switch {
	case status == 401 || status == 403:
		return answered + ": it refuses the call. Check that it verifies with the current secret, over the raw body, and that nothing before it asks for a login."
	case status == 404 || status == 405:
		return answered + ": nothing takes POST at this path. Check the address."
	case status == 410:
		return answered + ", gone: it wants no more. The subscription is suspended until somebody resumes it."
	case status == 413:
		return answered + ": the body is too large for it. Raise its limit."
	case status == 429:
		return answered + ": too many calls. Give the subscription a limit of calls a second, or let the endpoint take more."
	case status >= 500:
		return answered + ": it failed while it worked on the call. Look into its log at this time."
	}
	return answered + ", which is no success. Answer with 200 once the event is put away."
}
