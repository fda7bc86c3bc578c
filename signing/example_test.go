package signing_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"hookrouter/signing"
)

// maxBody bounds what a stranger can make the receiver hold in memory.
const maxBody = 2 << 20

// receiver is a whole webhook endpoint.
type receiver struct {
	secret string
}

func (rc receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Verify the bytes as they came, before anything interprets them.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "body too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "body not readable", http.StatusBadRequest)
		return
	}
	if err := signing.Verify(r.Header, body, rc.secret); errors.Is(err, signing.ErrSecret) {
		http.Error(w, "receiver not set up", http.StatusInternalServerError) // the sender will try again
		return
	} else if err != nil {
		http.Error(w, "signature refused", http.StatusUnauthorized)
		return
	}

	var event struct {
		ID   string `json:"event_id"`
		Name string `json:"event_name"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	// Here, store the event under its id unless it is there already, work on it later, and answer at once.
	fmt.Println("received", event.Name)
	w.WriteHeader(http.StatusOK)
}

func ExampleVerify() {
	const key = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"
	endpoint := receiver{secret: key}

	const body = `{"event_id":"9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01","event_name":"signer.done","data":{}}`
	send := func(body, signature string) {
		request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/hooks", strings.NewReader(body))
		request.Header.Set(signing.SignatureHeader, signature)
		answer := httptest.NewRecorder()
		endpoint.ServeHTTP(answer, request)
		fmt.Println("answered", answer.Code)
	}
	signature := signing.Sign(key, []byte(body))
	send(body, signature)
	send(strings.Replace(body, "done", "declined", 1), signature)
	// Output:
	// received signer.done
	// answered 200
	// answered 401
}
