package signing_test

import (
	"bytes"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/signing"
)

const (
	keyA = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3"
	keyB = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"
)

// vectors come from another implementation, OpenSSL 3.0.19, keyed with keyA:
//
//	printf '{"event_name":"signer.done","data":{}}' | openssl dgst -sha256 -hmac k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3
//	printf ''                                       | openssl dgst -sha256 -hmac k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3
//	printf '\000\377\376 not text\n'                | openssl dgst -sha256 -hmac k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3
var vectors = []struct {
	name, body, signature string
}{
	{"an event", `{"event_name":"signer.done","data":{}}`, "sha256=3d45a70ffdbea6101a7f7b5127e064c4f27058db48788671e60479bc5944054f"},
	{"empty body", "", "sha256=7ef121a8a78dd6b910ecdc9a2c63f100fa58be7b042d53508163e3a60ddc6ddd"},
	{"not UTF-8", "\x00\xff\xfe not text\n", "sha256=d4f43268da1dd5696c209028cfda8c1ed80327b27bc2a35c54433ff883f6ca09"},
}

func TestSignaturesAreThoseOfOpenSSL(t *testing.T) {
	t.Parallel()
	signer, err := signing.NewSigner(keyA)
	require.NoError(t, err)
	for range 3 { // a signer prepares its key in the first round and reuses it in the later ones
		for _, v := range vectors {
			body := []byte(v.body)
			require.Equal(t, v.signature, signing.Sign(keyA, body), v.name)
			require.Equal(t, v.signature, signer.Sign(body), v.name)
			require.Equal(t, "kept "+v.signature, string(signer.Append([]byte("kept "), body)), v.name)
			require.Equal(t, v.body, string(body), "the body is left alone")
		}
	}
}

func TestNewSignerRefusesABadSecret(t *testing.T) {
	t.Parallel()
	signer, err := signing.NewSigner("")
	require.ErrorIs(t, err, signing.ErrSecret)
	require.Nil(t, signer)
}

func TestSignerIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	signer, err := signing.NewSigner(keyA)
	require.NoError(t, err)
	var wg sync.WaitGroup
	wrong := make(chan string, 8)
	for _, letter := range []byte("abcdefgh") {
		wg.Go(func() {
			for i := range 200 {
				body := bytes.Repeat([]byte{letter}, i)
				if got := signer.Sign(body); got != signing.Sign(keyA, body) {
					wrong <- got
					return
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, wrong)
}

func TestSignerAllocatesOnlyTheText(t *testing.T) {
	signer, err := signing.NewSigner(keyA)
	require.NoError(t, err)
	body := bytes.Repeat([]byte("x"), 1024)
	buf := make([]byte, 0, 128)
	signer.Append(buf, body) // the first call prepares the key
	require.Zero(t, testing.AllocsPerRun(100, func() { signer.Append(buf, body) }))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { signer.Sign(body) }), 1.0)
}

func TestHeaderNamesAreCanonical(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		signing.SignatureHeader, signing.NextSignatureHeader, signing.PreviousSignatureHeader,
		signing.RetryHeader, signing.IssuedAtHeader, signing.DeliveryHeader, signing.AttemptHeader,
	} {
		require.Equal(t, http.CanonicalHeaderKey(name), name)
	}
}

func BenchmarkSign(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	b.Run("function", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			signing.Sign(keyA, body)
		}
	})
	signer, err := signing.NewSigner(keyA)
	require.NoError(b, err)
	b.Run("Signer.Sign", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			signer.Sign(body)
		}
	})
	b.Run("Signer.Append", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 128)
		for b.Loop() {
			signer.Append(buf, body)
		}
	})
	b.Run("NewSigner", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = signing.NewSigner(keyA)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	header := http.Header{signing.SignatureHeader: {signing.Sign(keyA, body)}}
	b.ReportAllocs()
	for b.Loop() {
		if err := signing.Verify(header, body, keyA); err != nil {
			b.Fatal(err)
		}
	}
}
