package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// inboxInput is an inbox as clients write it.
type inboxInput struct {
	Name       string `json:"name" validate:"max=128,safe"`
	TTL        int    `json:"ttl_seconds" validate:"min=60,max=2592000"`
	Mode       string `json:"mode" validate:"oneof=answer drop drip redirect huge endless"`
	Status     int    `json:"status" validate:"min=200,max=599"`
	Delay      int    `json:"delay_ms" validate:"min=0,max=60000"`
	FailFirst  int    `json:"fail_first" validate:"min=0,max=1000"`
	FailStatus int    `json:"fail_status" validate:"min=200,max=599"`
	RedirectTo string `json:"redirect_to" validate:"omitempty,max=1024,web_address"`
}

func (in *inboxInput) fields() []Field {
	return []Field{
		{"name", false, Text(&in.Name)},
		{"ttl_seconds", false, Integer(&in.TTL)},
		{"mode", false, Text(&in.Mode)},
		{"status", false, Integer(&in.Status)},
		{"delay_ms", false, Integer(&in.Delay)},
		{"fail_first", false, Integer(&in.FailFirst)},
		{"fail_status", false, Integer(&in.FailStatus)},
		{"redirect_to", false, func(v jsontext.Value) []Fault { // null is what answers have for none
			if v.Kind() == jsontext.KindNull {
				in.RedirectTo = ""
				return nil
			}
			return Text(&in.RedirectTo)(v)
		}},
	}
}

type inboxOutput struct {
	ID         models.ID        `json:"id"`
	Name       string           `json:"name"`
	URL        string           `json:"url"`
	Mode       models.InboxMode `json:"mode"`
	Status     int              `json:"status"`
	Delay      int64            `json:"delay_ms"`
	FailFirst  int              `json:"fail_first"`
	FailStatus int              `json:"fail_status"`
	FailsLeft  int              `json:"fails_left"` // of fail_first, those that are still to come
	RedirectTo *string          `json:"redirect_to"`
	Received   int              `json:"received"`
	CreatedAt  string           `json:"created_at"`
	ExpiresAt  string           `json:"expires_at"`
}

func (a *api) showInbox(b models.Inbox) inboxOutput {
	return inboxOutput{
		ID: b.ID, Name: b.Name, URL: a.InboxAddress(b.Token), Mode: b.Behavior.Mode, Status: b.Behavior.Status,
		Delay: b.Behavior.Delay.Milliseconds(), FailFirst: b.Behavior.FailFirst, FailStatus: b.Behavior.FailStatus,
		FailsLeft:  max(b.Behavior.FailFrom+b.Behavior.FailFirst-b.Received, 0),
		RedirectTo: optional(b.Behavior.RedirectTo), Received: b.Received, CreatedAt: millis(b.CreatedAt), ExpiresAt: millis(b.ExpiresAt),
	}
}

// createInbox makes an inbox; everything has a default, so the body may be missing. Its address is a secret that nobody can guess, so no key is
// needed to send to it.
func (a *api) createInbox(c *gin.Context, key *models.APIKey) error {
	in := inboxInput{
		TTL: int(models.DefaultInboxTTL / time.Second), Mode: string(models.InboxAnswer), Status: http.StatusOK,
		FailStatus: http.StatusInternalServerError,
	}
	if err := a.rules.readIfAny(c.Request, &in, in.fields()...); err != nil {
		return err
	}
	now := a.Now().UTC()
	id := a.NewID()
	b := models.Inbox{
		ID: id, OrganizationID: key.OrganizationID, Token: a.newToken(id), Name: in.Name, Behavior: in.behavior(),
		CreatedAt: now, ExpiresAt: now.Add(time.Duration(in.TTL) * time.Second),
	}
	if err := a.Store.CreateInbox(c.Request.Context(), b); err != nil {
		return err
	}
	Concerns(c, models.ID{}, b.ID.String())
	WriteJSON(c, http.StatusCreated, a.showInbox(b))
	return nil
}

// behavior is what an inbox with this input does.
func (in *inboxInput) behavior() models.InboxBehavior {
	return models.InboxBehavior{
		Mode: models.InboxMode(in.Mode), Status: in.Status, Delay: time.Duration(in.Delay) * time.Millisecond, FailFirst: in.FailFirst,
		FailStatus: in.FailStatus, RedirectTo: in.RedirectTo,
	}
}

// updateInbox changes the name and the behavior; what the body does not name stays. A fail_first counts from the change on.
func (a *api) updateInbox(c *gin.Context, key *models.APIKey) error {
	b, err := a.inbox(c, key)
	if err != nil {
		return err
	}
	how, from := b.Behavior, b.Behavior.FailFrom
	in := inboxInput{
		Name: b.Name, TTL: int(models.DefaultInboxTTL / time.Second), Mode: string(how.Mode), Status: how.Status,
		Delay: int(how.Delay.Milliseconds()), FailFirst: how.FailFirst, FailStatus: how.FailStatus, RedirectTo: how.RedirectTo,
	}
	fields := slices.DeleteFunc(in.fields(), func(f Field) bool { return f.Name == "ttl_seconds" || f.Name == "fail_first" })
	fields = append(fields, Field{"fail_first", false, func(v jsontext.Value) []Fault {
		from = b.Received
		return Integer(&in.FailFirst)(v)
	}})
	if err := a.rules.read(c.Request, &in, fields...); err != nil {
		return err
	}
	b.Name, b.Behavior = in.Name, in.behavior()
	b.Behavior.FailFrom = from
	if err := a.Store.UpdateInbox(c.Request.Context(), b, a.Now()); err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, a.showInbox(b))
	return nil
}

// newToken makes the secret part of an inbox's address from a fresh secret.
func (a *api) newToken(id models.ID) string {
	sum := sha256.Sum256(append([]byte(a.NewSecret()), id[:]...))
	return hex.EncodeToString(sum[:models.InboxTokenLength/2])
}

// webAddress reports whether a text can stand in a Location header. Where it may lead is for the guard of whoever follows it.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && printable(s) && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil
}

func (a *api) listInboxes(c *gin.Context, key *models.APIKey) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	at := q.place("inboxes", key)
	after := q.afterID(at)
	if err := q.err(); err != nil {
		return err
	}
	all, err := a.Store.Inboxes(c.Request.Context(), key.OrganizationID, a.Now())
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(b models.Inbox) bool { return b.ID.Compare(after) <= 0 })
	writePage(c, at, all, func(b models.Inbox) []byte { return b.ID[:] }, a.showInbox)
	return nil
}

// inbox is the one that the path names.
func (a *api) inbox(c *gin.Context, key *models.APIKey) (models.Inbox, error) {
	id, err := PathID(c, "inbox")
	if err != nil {
		return models.Inbox{}, err
	}
	return a.Store.Inbox(c.Request.Context(), key.OrganizationID, id, a.Now())
}

func (a *api) getInbox(c *gin.Context, key *models.APIKey) error {
	b, err := a.inbox(c, key)
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, a.showInbox(b))
	return nil
}

func (a *api) deleteInbox(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "inbox")
	if err != nil {
		return err
	}
	if err := a.Store.DeleteInbox(c.Request.Context(), key.OrganizationID, id); err != nil {
		return err
	}
	WriteNothing(c)
	return nil
}

// inboxRequestOutput is a request that arrived. A body that is no UTF-8 comes in base64.
type inboxRequestOutput struct {
	Number     int            `json:"number"`
	ReceivedAt string         `json:"received_at"`
	Method     string         `json:"method"`
	Headers    []headerOutput `json:"headers"`
	Body       string         `json:"body"`
	Encoding   string         `json:"body_encoding"`
	Truncated  bool           `json:"body_truncated"`
	DeliveryID *models.ID     `json:"delivery_id"`
	Signature  models.Verdict `json:"signature"`
	Answer     answerOutput   `json:"answer"`
}

// answerOutput is what a request was answered.
type answerOutput struct {
	Outcome models.InboxOutcome `json:"outcome"`
	Status  *int                `json:"status"`
	Waited  *int64              `json:"waited_ms"`
}

// showAnswer tells an answer that has not ended by the time that one may take at most.
func (a *api) showAnswer(r models.InboxRequest) answerOutput {
	out := answerOutput{Outcome: r.Answer.Outcome, Status: optional(r.Answer.Status)}
	switch {
	case out.Outcome == "" && a.Now().Sub(r.ReceivedAt) < 2*longest:
		out.Outcome = models.InboxPending
	case out.Outcome == "":
		out.Outcome = models.InboxUnknown
	case out.Outcome != models.InboxUnknown:
		waited := r.Answer.Waited.Milliseconds()
		out.Waited = &waited
	}
	return out
}

// showRequest masks headers that are not the sender's for those who may not see secrets: a subscription's own headers hold
// credentials.
func (a *api) showRequest(r models.InboxRequest, role models.Role) inboxRequestOutput {
	out := inboxRequestOutput{
		Number: r.Number, ReceivedAt: millis(r.ReceivedAt), Method: r.Method, Headers: headerLines(r.Headers), Body: string(r.Body),
		Encoding: "utf-8", Truncated: r.Truncated, DeliveryID: optional(r.DeliveryID), Signature: r.Signature, Answer: a.showAnswer(r),
	}
	if !utf8.Valid(r.Body) {
		out.Body, out.Encoding = base64.StdEncoding.EncodeToString(r.Body), "base64"
	}
	if !role.May(models.ActionManage) {
		for i, h := range out.Headers {
			if !a.ReservedHeader(h.Name) || a.Formats.Confidential(h.Name) {
				out.Headers[i].Value = headerMask
			}
		}
	}
	return out
}

// maxWait is how long a call may wait for something to arrive, in seconds. Failure policy: below the half minute after which many
// proxies end a silent call.
const maxWait = 20

// listInboxRequests answers what an inbox has kept, newest first. With wait_seconds a call for which there is nothing yet waits.
func (a *api) listInboxRequests(c *gin.Context, key *models.APIKey) error {
	q, err := readQuery(c, "from_number", "wait_seconds")
	if err != nil {
		return err
	}
	at := q.place("inboxes/"+c.Param("inbox")+"/requests", key)
	from, wait := q.count("from_number", 1<<31-1), q.count("wait_seconds", maxWait)
	before := 0
	if at.after != nil {
		if len(at.after) != 8 {
			q.fail("after", "cursor")
		} else {
			before = int(binary.BigEndian.Uint64(at.after) & (1<<31 - 1))
		}
	}
	if err := q.err(); err != nil {
		return err
	}
	b, err := a.inbox(c, key)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	var found []models.InboxRequest
	look := func() (done bool, err error) {
		found, err = a.Store.InboxRequests(ctx, b.OrganizationID, b.ID, before, from, at.more())
		return len(found) > 0 || a.Draining(), err
	}
	if wait > 0 && a.inboxes.wait() {
		err = await(ctx, time.Duration(wait)*time.Second, look)
		a.inboxes.waited()
	} else {
		_, err = look() // Failure policy: with too many callers waiting the next get an answer at once, and come again
	}
	if err == nil {
		err = a.hideProduction(ctx, key, found)
	}
	if err != nil {
		return err
	}
	writePage(c, at, found, func(r models.InboxRequest) []byte {
		return binary.BigEndian.AppendUint64(nil, uint64(r.Number))
	}, func(r models.InboxRequest) inboxRequestOutput { return a.showRequest(r, key.Role) })
	return nil
}

// count reads a whole number from 0 to most.
func (q *query) count(name string, most int) int {
	v, ok := q.take(name)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > most || !bytes.Equal([]byte(v), strconv.AppendInt(nil, int64(n), 10)) {
		q.wrong = append(q.wrong, models.FieldError{Name: name, Reason: reason("whole", strconv.Itoa(most))})
	}
	return n
}

// hideProduction empties requests that a subscription of production sent, for a key that sees the sandbox only. An inbox may be the endpoint of
// either.
func (a *api) hideProduction(ctx context.Context, key *models.APIKey, requests []models.InboxRequest) error {
	for i := range requests {
		r := &requests[i]
		if key.Environment == models.Production || r.DeliveryID.IsZero() {
			continue
		}
		d, err := a.Store.Delivery(ctx, key.OrganizationID, r.DeliveryID)
		switch {
		case err == nil && sees(key, d.Sandbox):
		case err == nil || models.CodeOf(err) == models.CodeNotFound: // gone: nobody knows what it was of
			r.Headers, r.Body, r.Truncated, r.DeliveryID = nil, nil, true, models.ID{}
			r.Answer = models.InboxReply{Outcome: models.InboxUnknown} // as with a delivery, how production was answered is its own
		default:
			return err
		}
	}
	return nil
}
