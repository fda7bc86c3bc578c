package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

const (
	maxPage       = 100
	cursorVersion = 1
	cursorBinding = 8 // bytes
)

// page is a list as /v3 answers it, apart from the vendor's bare array of subscriptions.
type page[T any] struct {
	Meta pageMeta `json:"meta"`
	Data []T      `json:"data"`
}

type pageMeta struct {
	NextCursor *string `json:"next_cursor"`
}

// place is where a list goes on: after which element, and how many to show.
type place struct {
	list  string
	bound [cursorBinding]byte
	after []byte
	limit int
}

// place reads the parameters of paging. A cursor is bound to the list, the caller and the filters it came from: with others it
// would show a part of the list as if it were the whole.
func (q *query) place(list string, key *models.APIKey) place {
	filters := make(map[string][]string, len(q.values))
	for name, v := range q.values {
		if name != "after" && name != "limit" {
			filters[name] = v
		}
	}
	p := place{list: list, limit: maxPage}
	h := sha256.New()
	h.Write([]byte(list + "\x00" + key.OrganizationID.String() + string(key.Environment) + "\x00" + q.encoded(filters)))
	copy(p.bound[:], h.Sum(nil))
	if v, ok := q.take("limit"); ok {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxPage || strconv.Itoa(n) != v {
			q.fail("limit", "limit")
		}
		p.limit = n
	}
	if v, ok := q.take("after"); ok {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(v)
		if err != nil || len(raw) <= 1+cursorBinding || raw[0] != cursorVersion || !bytes.Equal(raw[1:1+cursorBinding], p.bound[:]) {
			q.fail("after", "cursor")
			return p
		}
		p.after = raw[1+cursorBinding:]
	}
	return p
}

// afterID is the id to go on after. A cursor that carries none is not of this list.
func (q *query) afterID(p place) (id models.ID) {
	if p.after != nil && len(p.after) != len(id) {
		q.fail("after", "cursor")
	}
	copy(id[:], p.after)
	return id
}

// cursor goes on after a position.
func (p place) cursor(position []byte) string {
	raw := append([]byte{cursorVersion}, p.bound[:]...)
	return base64.RawURLEncoding.EncodeToString(append(raw, position...))
}

// more is how many elements to ask for: one beyond the page, which tells whether there is a next page.
func (p place) more() int { return p.limit + 1 }

// writePage answers one page out of up to more() elements.
func writePage[T, Out any](c *gin.Context, p place, items []T, position func(T) []byte, show func(T) Out) {
	out := page[Out]{Data: make([]Out, 0, min(len(items), p.limit))}
	for i, item := range items {
		if i == p.limit {
			next := p.cursor(position(items[i-1]))
			out.Meta.NextCursor = &next
			break
		}
		out.Data = append(out.Data, show(item))
	}
	WriteJSON(c, http.StatusOK, out)
}
