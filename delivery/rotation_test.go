package delivery

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/deliverytest"
	"hookrouter/models"
	"hookrouter/signing"
)

// The sender's clock alone takes one subscription, in one state, from its first secret to the next.
func TestTheClockRotates(t *testing.T) {
	t.Parallel()
	const next = "n3xtn3xtn3xtn3xtn3xtn3xtn3xtn3xt"
	began := time.Unix(1767349260, 0)
	now := began
	receiver := deliverytest.NewReceiver(t)
	s := newSender(t, func(o *SenderOptions) { o.Now = func() time.Time { return now } })
	j := changed(testJob(t, receiver.URL), func(s *models.Subscription) {
		require.NoError(t, s.Rotate(models.NewSecret(next), time.Hour, began))
	})
	for i, c := range []struct {
		at         time.Duration
		generation int
		current    string
		beside     string // the header that carries the other
		other      string
	}{
		{0, 0, testSecret, signing.NextSignatureHeader, next},
		{time.Hour - 1, 0, testSecret, signing.NextSignatureHeader, next},
		{time.Hour, 1, next, signing.PreviousSignatureHeader, testSecret},
		{2*time.Hour - 1, 1, next, signing.PreviousSignatureHeader, testSecret},
		{2 * time.Hour, 1, next, "", ""},
	} {
		now = began.Add(c.at)
		a := s.Send(t.Context(), j)
		require.True(t, a.Success, a.Detail)
		require.Equal(t, c.generation, a.SecretGeneration)
		arrived := receiver.Journal()[i]
		want := http.Header{signing.SignatureHeader: {signing.Sign(c.current, arrived.Body)}}
		if c.beside != "" {
			want.Set(c.beside, signing.Sign(c.other, arrived.Body))
		}
		for _, name := range []string{signing.SignatureHeader, signing.NextSignatureHeader, signing.PreviousSignatureHeader} {
			require.Equal(t, want.Get(name), arrived.Header.Get(name), "%s after %s", name, c.at)
		}
	}
}

// What a call took back signs nothing from then on: neither the next secret before its activation, nor the previous one after it.
func TestWhatWasTakenBackSignsNothing(t *testing.T) {
	t.Parallel()
	const next = "n3xtn3xtn3xtn3xtn3xtn3xtn3xtn3xt"
	began := time.Unix(1767349260, 0)
	now := began
	receiver := deliverytest.NewReceiver(t)
	s := newSender(t, func(o *SenderOptions) { o.Now = func() time.Time { return now } })
	waiting := changed(testJob(t, receiver.URL), func(s *models.Subscription) {
		require.NoError(t, s.Rotate(models.NewSecret(next), time.Hour, began))
	})
	activated := changed(waiting, func(s *models.Subscription) { require.NoError(t, s.Activate(began)) })
	for i, c := range []struct {
		job        models.Job
		after      time.Duration
		generation int
		secret     string
	}{
		{changed(waiting, func(s *models.Subscription) { require.NoError(t, s.CancelRotation(began)) }), 0, 0, testSecret},
		{changed(waiting, func(s *models.Subscription) { require.NoError(t, s.CancelRotation(began)) }), time.Hour, 0, testSecret},
		{changed(activated, func(s *models.Subscription) { require.NoError(t, s.FinishRotation(began)) }), 0, 1, next},
	} {
		now = began.Add(c.after)
		a := s.Send(t.Context(), c.job)
		require.True(t, a.Success, a.Detail)
		require.Equal(t, c.generation, a.SecretGeneration)
		arrived := receiver.Journal()[i]
		require.Equal(t, signing.Sign(c.secret, arrived.Body), arrived.Header.Get(signing.SignatureHeader))
		require.Empty(t, arrived.Header.Get(signing.NextSignatureHeader))
		require.Empty(t, arrived.Header.Get(signing.PreviousSignatureHeader))
	}
}
