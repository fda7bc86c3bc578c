package quicklysign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

const (
	// pageSize is how many webhooks or entries of the log a page has.
	pageSize = 100
	// parameterPage says where a list goes on.
	parameterPage = "page"
	// linkTime is for how long a link to a next page works without credentials. Failure policy: whoever takes longer sends them along.
	linkTime = time.Hour

	linkMark = sha256.Size
	linkHead = 16 + 8 // the key's id and the end of its time
)

// A link to a next page is followed as it stands, so it has to say who follows it; and it must not hold the client_secret, because links get
// into logs. It has a mark instead, which is good for this list, these filters and this place, for a while, and for as long as the pair is
// valid. The mark is made with the hash that is stored of the client_secret, so every instance can check it and none has to remember it.
// See docs/adr/0026.

// link is what a page parameter says.
type link struct {
	key   models.ID
	until time.Time
	place []byte
	mark  []byte
}

func readLink(query url.Values) (link, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(query.Get(parameterPage))
	if err != nil || len(raw) <= linkHead+linkMark {
		return link{}, false
	}
	l := link{place: raw[linkHead : len(raw)-linkMark], mark: raw[len(raw)-linkMark:]}
	copy(l.key[:], raw)
	l.until = time.Unix(int64(binary.BigEndian.Uint64(raw[16:])), 0)
	return l, true
}

// markOf is the mark of a link on a path with filters.
func (l *link) markOf(key *models.APIKey, path string, filters url.Values) []byte {
	h := hmac.New(sha256.New, key.Hash[:])
	h.Write([]byte("hookrouter page 1\n" + path + "?" + filters.Encode() + "\n"))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(l.until.Unix())))
	h.Write(l.place)
	return h.Sum(nil)
}

// filtersOf are the parameters that decide what a list has.
func filtersOf(query url.Values) url.Values {
	filters := url.Values{}
	for name, v := range query {
		switch name {
		case "client_id", "client_secret", parameterPage, parameterAlways200:
		default:
			filters[name] = v
		}
	}
	return filters
}

// followed is the caller of a link without credentials.
func (s *surface) followed(c *gin.Context, query url.Values) (*models.APIKey, error) {
	refused := models.Errorf(models.CodeUnauthorized,
		"This link to a next page is not valid, or not any more. Send client_id and client_secret along, or begin with the first page.")
	l, ok := readLink(query)
	if !ok || l.key.IsZero() || !s.Now().Before(l.until) {
		return nil, refused
	}
	key, err := s.Store.Key(c.Request.Context(), l.key)
	if err != nil && models.CodeOf(err) == models.CodeNotFound {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	if !key.RevokedAt.IsZero() || !hmac.Equal(l.mark, l.markOf(&key, c.Request.URL.Path, filtersOf(query))) {
		return nil, refused
	}
	return &key, nil
}

// after is the place that a list goes on from, nil at its beginning. A link is bound to the list, the filters and the pair that it was
// made for: with others it would show a part of the list as if it were the whole.
func (s *surface) after(c *gin.Context, call *call) ([]byte, error) {
	if !call.query.Has(parameterPage) {
		return nil, nil
	}
	l, ok := readLink(call.query)
	if !ok || l.key != call.key.ID || !hmac.Equal(l.mark, l.markOf(call.key, c.Request.URL.Path, filtersOf(call.query))) {
		return nil, wrongField(parameterPage, "It is not of this list with these parameters. Follow pagination.next as it stands.")
	}
	return l.place, nil
}

// next is the link to the page after a place.
func (s *surface) next(c *gin.Context, call *call, place []byte) *pagination {
	l := link{key: call.key.ID, until: s.Now().Add(linkTime), place: place}
	query := filtersOf(call.query)
	mark := l.markOf(call.key, c.Request.URL.Path, query)
	raw := append([]byte{}, l.key[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(l.until.Unix()))
	raw = append(append(raw, place...), mark...)
	query.Set(parameterPage, base64.RawURLEncoding.EncodeToString(raw))
	if always200(c.Request) {
		query.Set(parameterAlways200, "true")
	}
	return &pagination{Next: s.PublicURL + c.Request.URL.Path + "?" + query.Encode()}
}

// onePage is a page out of one element more than it has, and whether there is a next one.
func onePage[T any](items []T) ([]T, bool) {
	if len(items) > pageSize {
		return items[:pageSize], true
	}
	return items, false
}
