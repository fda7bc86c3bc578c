package signing_test

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/signing"
)

const (
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherStandard  = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"

	// RFC 8032, section 7.1, test 1: the seed, the public key, and both together as one private key.
	edSeed    = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
	edPublic  = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	edPrivate = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="
)

// standardHeader is the header of a request that was signed at a moment.
func standardHeader(tb testing.TB, id string, at time.Time, body string, secrets ...string) http.Header {
	tb.Helper()
	signatures, err := signing.SignStandard(id, at, []byte(body), secrets...)
	require.NoError(tb, err)
	return http.Header{
		signing.StandardIDHeader: {id}, signing.StandardTimestampHeader: {strconv.FormatInt(at.Unix(), 10)},
		signing.StandardSignatureHeader: {signatures},
	}
}

// The vector stands in the tests of every reference library.
func TestStandardVector(t *testing.T) {
	t.Parallel()
	at := time.Unix(1614265330, 0)
	got, err := signing.SignStandard("msg_p5jXN8AQM9LWM0D4loKWxJek", at, []byte(`{"test": 2432232314}`), standardSecret)
	require.NoError(t, err)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", got)
	bare, err := signing.SignStandard("msg_p5jXN8AQM9LWM0D4loKWxJek", at, []byte(`{"test": 2432232314}`), strings.TrimPrefix(standardSecret, "whsec_"))
	require.NoError(t, err)
	require.Equal(t, got, bare)
	both, err := signing.SignStandard("a", at, nil, standardSecret, edSeed)
	require.NoError(t, err)
	require.Regexp(t, `^v1,[0-9A-Za-z+/]{43}= v1a,[0-9A-Za-z+/]{86}==$`, both)
}

func TestKeyPairs(t *testing.T) {
	t.Parallel()
	require.Equal(t, edPublic, signing.PublicKey(edSeed))
	require.Equal(t, edPublic, signing.PublicKey(edPrivate))
	for _, form := range []string{edSeed, edPrivate} {
		long, err := signing.PrivateKey(form)
		require.NoError(t, err)
		require.Equal(t, edPrivate, long)
	}
	for _, other := range []string{standardSecret, edPublic, "", "whsk_"} {
		require.Empty(t, signing.PublicKey(other))
		_, err := signing.PrivateKey(other)
		require.ErrorIs(t, err, signing.ErrSecret)
	}
	made, err := signing.GenerateKeyPair(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	require.NoError(t, err)
	require.NoError(t, signing.CheckStandardSecret(made))
	h := standardHeader(t, "a", time.Unix(1, 0), "b", made)
	require.NoError(t, signing.VerifyStandard(h, []byte("b"), time.Unix(1, 0), time.Minute, signing.PublicKey(made)))
	_, err = signing.GenerateKeyPair(strings.NewReader("short"))
	require.Error(t, err)
}

func TestStandardSecrets(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"empty": "", "prefix only": "whsec_", "not base64": "whsec_!!!!", "23 bytes": "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
		"line end": standardSecret + "\n", "65 bytes": "whsec_" + strings.Repeat("QUFB", 21) + "QUE=",
		"short private": "whsk_QUFB", "a private key with another's public half": edPrivate[:len(edPrivate)-4] + "AA==",
		"public": edPublic,
	} {
		err := signing.CheckStandardSecret(bad)
		require.ErrorIs(t, err, signing.ErrSecret, name)
		if len(bad) > len("whsec_") {
			require.NotContains(t, err.Error(), bad)
		}
	}
	for _, good := range []string{standardSecret, edSeed, edPrivate, "whsec_" + strings.Repeat("QUFB", 21) + "QQ=="} {
		require.NoError(t, signing.CheckStandardSecret(good))
	}
}

func TestVerifyStandard(t *testing.T) {
	t.Parallel()
	const body = `{"a":1}`
	at := time.Unix(1_700_000_000, 0)
	good := func() http.Header { return standardHeader(t, "id", at, body, standardSecret) }
	with := func(name string, values ...string) http.Header {
		h := good()
		h[name] = values
		return h
	}
	signature := good().Get(signing.StandardSignatureHeader)
	for name, c := range map[string]struct {
		header  http.Header
		body    string
		now     time.Time
		secrets []string
		want    error
	}{
		"good":                {good(), body, at, []string{standardSecret}, nil},
		"one of two secrets":  {good(), body, at, []string{otherStandard, standardSecret}, nil},
		"second signature":    {standardHeader(t, "id", at, body, otherStandard, standardSecret), body, at, []string{standardSecret}, nil},
		"beside an unknown":   {with(signing.StandardSignatureHeader, "v9,x  v1a,%%% "+signature), body, at, []string{standardSecret}, nil},
		"ed25519":             {standardHeader(t, "id", at, body, standardSecret, edSeed), body, at, []string{edPublic}, nil},
		"just in time":        {good(), body, at.Add(time.Minute), []string{standardSecret}, nil},
		"too old":             {good(), body, at.Add(time.Minute + time.Second), []string{standardSecret}, signing.ErrTooOld},
		"too new":             {good(), body, at.Add(-time.Minute - time.Second), []string{standardSecret}, signing.ErrTooNew},
		"other secret":        {good(), body, at, []string{otherStandard}, signing.ErrMismatch},
		"other body":          {good(), body + " ", at, []string{standardSecret}, signing.ErrMismatch},
		"other id":            {with(signing.StandardIDHeader, "ie"), body, at, []string{standardSecret}, signing.ErrMismatch},
		"other time":          {with(signing.StandardTimestampHeader, "1700000001"), body, at, []string{standardSecret}, signing.ErrMismatch},
		"moved full stop":     {standardHeader(t, "id", at, "1.x", standardSecret), "x", at, []string{standardSecret}, signing.ErrMismatch},
		"symmetric as public": {good(), body, at, []string{edPublic}, signing.ErrMismatch},
		"time with a sign":    {with(signing.StandardTimestampHeader, "+1700000000"), body, at, []string{standardSecret}, signing.ErrMalformed},
		"two times":           {with(signing.StandardTimestampHeader, "1700000000", "1700000000"), body, at, []string{standardSecret}, signing.ErrMalformed},
		"milliseconds":        {with(signing.StandardTimestampHeader, "1700000000000"), body, at, []string{standardSecret}, signing.ErrMalformed},
		"no id":               {with(signing.StandardIDHeader), body, at, []string{standardSecret}, signing.ErrNoStandardHeaders},
		"no signature":        {with(signing.StandardSignatureHeader, ""), body, at, []string{standardSecret}, signing.ErrNoStandardHeaders},
		"no secret":           {good(), body, at, nil, signing.ErrSecret},
		"a bad secret":        {good(), body, at, []string{standardSecret, "whsec_x"}, signing.ErrSecret},
		"an empty secret":     {good(), body, at, []string{""}, signing.ErrSecret},
	} {
		err := signing.VerifyStandard(c.header, []byte(c.body), c.now, time.Minute, c.secrets...)
		require.ErrorIs(t, err, c.want, name)
	}
	require.NoError(t, signing.VerifyStandard(good(), []byte(body), time.Time{}, 0, standardSecret), "no tolerance: no clock")
}

// Package signing and the reference library agree about what we sign, and about what it signs, changed or not.
func TestStandardAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[0-9a-zA-Z_-]{1,40}`).Draw(t, "id")
		at := time.Unix(rapid.Int64Range(0, 9_999_999_999).Draw(t, "at"), 0)
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		secret := rapid.SampledFrom([]string{standardSecret, otherStandard}).Draw(t, "secret")
		ours, err := signing.SignStandard(id, at, body, secret)
		require.NoError(t, err)
		wh, err := reference.NewWebhook(secret)
		require.NoError(t, err)
		theirs, err := wh.Sign(id, at, body)
		require.NoError(t, err)
		require.Equal(t, theirs, ours)

		received := http.Header{
			signing.StandardIDHeader: {id}, signing.StandardTimestampHeader: {strconv.FormatInt(at.Unix(), 10)},
			signing.StandardSignatureHeader: {ours},
		}
		if rapid.Bool().Draw(t, "changed") {
			body = append(body, rapid.Byte().Draw(t, "byte"))
		}
		with := rapid.SampledFrom([]string{standardSecret, otherStandard}).Draw(t, "with")
		if wh, err = reference.NewWebhook(with); err != nil {
			t.Fatal(err)
		}
		require.Equal(t, wh.VerifyIgnoringTimestamp(body, received) == nil, signing.VerifyStandard(received, body, at, 0, with) == nil)
	})
}

func FuzzVerifyStandard(f *testing.F) {
	f.Add("id", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", standardSecret)
	f.Add("", "", "v1a,", edPublic)
	f.Add("a.b", "1", "v1a,AAAA v1,", "whsec_")
	f.Fuzz(func(t *testing.T, id, timestamp, signature, secret string) {
		h := http.Header{
			signing.StandardIDHeader: {id}, signing.StandardTimestampHeader: {timestamp}, signing.StandardSignatureHeader: {signature},
		}
		err := signing.VerifyStandard(h, []byte("body"), time.Unix(1614265330, 0), time.Minute, secret)
		require.Error(t, err, "nothing was signed")
	})
}
