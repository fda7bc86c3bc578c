package main

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"
)

// documensoReceiver is a whole endpoint for Documenso's calls.
type documensoReceiver struct {
	secret string // "" where the subscription has none
	take   func(call documensoCall)
}

// documensoCall is the body of a call.
type documensoCall struct {
	Event           string          `json:"event"`
	Payload         json.RawMessage `json:"payload"`
	CreatedAt       time.Time       `json:"createdAt"`
	WebhookEndpoint string          `json:"webhookEndpoint"`
}

func (rc documensoReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given := r.Header.Get("X-Documenso-Secret")
	if subtle.ConstantTimeCompare([]byte(given), []byte(rc.secret)) != 1 {
		http.Error(w, "not from Documenso", http.StatusUnauthorized)
		return
	}
	var call documensoCall
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 2<<20)).Decode(&call); err != nil {
		http.Error(w, "not a call of Documenso", http.StatusBadRequest)
		return
	}
	rc.take(call)
	w.WriteHeader(http.StatusOK)
}
