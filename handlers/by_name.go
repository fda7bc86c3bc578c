package handlers

import (
	"context"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// ListByName answers a page of a list that belongs to nobody and is ordered by its unique names, for the operator's surface. Find is asked
// for up to limit entries after a name, of those that have the text of q in them; both are "" for none.
func ListByName[T, Out any](c *gin.Context, list string, find func(ctx context.Context, text, after string, limit int) ([]T, error),
	name func(T) string, show func(T) Out,
) error {
	q, err := readQuery(c, "q")
	if err != nil {
		return err
	}
	at := q.place(list, &models.APIKey{Environment: models.Production})
	text, after := q.text("q"), string(at.after)
	if after != "" && !cleanText(after) {
		q.fail("after", "cursor")
	}
	if err := q.err(); err != nil {
		return err
	}
	found, err := find(c.Request.Context(), text, after, at.more())
	if err != nil {
		return err
	}
	writePage(c, at, found, func(v T) []byte { return []byte(name(v)) }, show)
	return nil
}
