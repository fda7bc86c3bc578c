package handlers

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// What one instance does for inboxes at the same time. Failure policy: beyond it 503 or 429 at once, because whoever knows an address
// can send to it without a key, and events come first.
const (
	maxReceiving   = 64  // requests being read, kept or answered
	maxMisbehaving = 16  // of them such that take long on purpose
	maxSlowEach    = 4   // of those, for one organization
	maxInboxWaits  = 64  // callers that wait for something to arrive
	inboxPerMinute = 600 // requests of one inbox
	paceEntries    = 1024

	// longest bounds answers that would go on for ever. It is above the longest timeout that an attempt can have.
	longest   = 65 * time.Second
	dripEvery = time.Second
	hugeBody  = 8 << 20
	chunkSize = 32 << 10
	// endlessPause keeps an endless answer at about 1 MiB a second.
	endlessPause = 30 * time.Millisecond
)

// headerDelivery names the delivery that a request is an attempt of: signing.DeliveryHeader.
const headerDelivery = "X-Hookrouter-Delivery"

// inboxGate bounds what inboxes cost this instance.
type inboxGate struct {
	receiving, misbehaving, waits chan struct{}

	mu     sync.Mutex
	minute int64
	counts map[models.ID]int // of inboxes in that minute
	slow   map[models.ID]int // places of misbehaving, by organization
}

func newInboxGate() *inboxGate {
	return &inboxGate{
		receiving: make(chan struct{}, maxReceiving), misbehaving: make(chan struct{}, maxMisbehaving),
		waits: make(chan struct{}, maxInboxWaits), counts: map[models.ID]int{}, slow: map[models.ID]int{},
	}
}

// enter takes a place where there is one.
func enter(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// misbehave takes one of the few places for what takes long on purpose.
func (g *inboxGate) misbehave(org models.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.slow[org] >= maxSlowEach || !enter(g.misbehaving) {
		return false
	}
	g.slow[org]++
	return true
}

func (g *inboxGate) behaved(org models.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	<-g.misbehaving
	if g.slow[org]--; g.slow[org] == 0 {
		delete(g.slow, org)
	}
}

func (g *inboxGate) wait() bool { return enter(g.waits) }
func (g *inboxGate) waited()    { <-g.waits }

// paced reports whether an inbox may take one more request in this minute.
func (g *inboxGate) paced(inbox models.ID, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if minute := now.Unix() / 60; minute != g.minute || len(g.counts) >= paceEntries {
		g.minute = minute
		clear(g.counts)
	}
	g.counts[inbox]++
	return g.counts[inbox] <= inboxPerMinute
}

func inboxBusy(c *gin.Context) error {
	c.Writer.Header().Set("Retry-After", "5")
	return models.Errorf(models.CodeUnavailable, "Too many requests to inboxes at this moment.")
}

// receive keeps a request that arrived at an inbox, then answers as the inbox was told to.
func (a *api) receive(c *gin.Context) error {
	token := c.Param("token")
	if len(token) != models.InboxTokenLength || strings.Trim(token, "0123456789abcdef") != "" {
		return unknownPath(c)
	}
	if !enter(a.inboxes.receiving) {
		return inboxBusy(c)
	}
	defer func() { <-a.inboxes.receiving }()
	ctx, now := c.Request.Context(), a.Now().UTC()
	b, err := a.Store.InboxByToken(ctx, token, now)
	if models.CodeOf(err) == models.CodeNotFound && err != nil {
		return unknownPath(c)
	}
	if err != nil {
		return err
	}
	if !a.inboxes.paced(b.ID, now) {
		return tooMany(c, int(60-now.Unix()%60))
	}
	body, err := io.ReadAll(io.LimitReader(c.Request.Body, models.MaxInboxBody+1))
	if err != nil {
		return invalidBody("The body could not be read to its end.")
	}
	r := models.InboxRequest{
		InboxID: b.ID, OrganizationID: b.OrganizationID, ReceivedAt: now, Method: c.Request.Method, Headers: keptHeaders(c.Request),
		Body: body[:min(len(body), models.MaxInboxBody)], Truncated: len(body) > models.MaxInboxBody,
	}
	if r.DeliveryID, r.Signature, err = a.verdict(ctx, b.OrganizationID, c.Request.Header, body); err != nil {
		return err
	}
	if r.Number, err = a.Store.KeepInboxRequest(ctx, r, b.Behavior); err != nil {
		return err
	}
	met, err := a.behave(c, &b, r.Number)
	if met != b.Behavior.AtOnce(r.Number) {
		a.noteAnswer(c, &r, met)
	}
	if met.Outcome == models.InboxDropped || met.Outcome == models.InboxGone {
		panic(http.ErrAbortHandler) // net/http closes the connection without a word
	}
	return err
}

// noteTimeout is how long storing an answer may take. Failure policy: one that could not be stored is unknown; its request is kept.
const noteTimeout = 5 * time.Second

// noteAnswer stores what a request met, also where its caller has gone. What was answered is on its way before.
func (a *api) noteAnswer(c *gin.Context, r *models.InboxRequest, met models.InboxReply) {
	if c.Writer.Written() {
		c.Writer.Flush()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), noteTimeout)
	defer cancel()
	if err := a.Store.AnswerInboxRequest(ctx, r.OrganizationID, r.InboxID, r.Number, met); err != nil {
		a.Logger.LogAttrs(ctx, slog.LevelWarn, "inbox.answer_lost",
			slog.String("request_id", c.Writer.Header().Get(headerRequestID)), slog.Any("error", err))
	}
}

// verdict finds out whose secret the request must be signed with, and whether it is.
func (a *api) verdict(ctx context.Context, org models.ID, header http.Header, body []byte) (models.ID, models.Verdict, error) {
	id, _ := models.ParseID(header.Get(headerDelivery))
	if id.IsZero() { // also where it is no id
		return models.ID{}, models.VerdictUnknown, nil
	}
	d, err := a.Store.Delivery(ctx, org, id)
	if err == nil {
		var s *models.Subscription
		if s, err = a.Store.Subscription(ctx, org, d.SubscriptionID); err == nil {
			return id, a.VerdictOf(s, header, body), nil
		}
	}
	if models.CodeOf(err) == models.CodeNotFound { // of nobody, of another organization, or of a subscription that was deleted
		return models.ID{}, models.VerdictUnknown, nil
	}
	return models.ID{}, "", err
}

// keptHeaders are the headers as lines, sorted, with the host that net/http takes out of them.
func keptHeaders(r *http.Request) []string {
	lines := []string{"Host: " + strings.ToValidUTF8(r.Host, "")}
	for name, values := range r.Header {
		for _, v := range values {
			lines = append(lines, strings.ToValidUTF8(name+": "+v, ""))
		}
	}
	slices.Sort(lines)
	return lines
}

// behave answers and says what the caller met; dropping the connection is left to receive. What takes long on purpose needs one of the few
// places for that.
func (a *api) behave(c *gin.Context, b *models.Inbox, number int) (met models.InboxReply, err error) {
	how := b.Behavior
	if how.Slow() {
		if !a.inboxes.misbehave(b.OrganizationID) {
			return models.InboxReply{Outcome: models.InboxBusy, Status: http.StatusServiceUnavailable}, inboxBusy(c)
		}
		defer a.inboxes.behaved(b.OrganizationID)
	}
	// The request is read, and its deadline would end a long answer; that of writing ends one that nobody reads.
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(a.Now().Add(2 * longest))
	delay, begin := how.Delay, a.Now()
	if how.Fails(number) {
		delay = 0
	}
	there := a.pause(c.Request.Context(), delay)
	if delay > 0 {
		met.Waited = a.Now().Sub(begin).Truncate(time.Millisecond)
	}
	if !there {
		met.Outcome = models.InboxGone
		return met, nil
	}
	met.Outcome, met.Status = a.write(c, b, number)
	return met, nil
}

// write writes the answer, or none where the connection is to be dropped.
func (a *api) write(c *gin.Context, b *models.Inbox, number int) (outcome models.InboxOutcome, status int) {
	how, whole := b.Behavior, true
	if how.Fails(number) {
		plain(c, how.FailStatus, "This inbox fails "+strconv.Itoa(how.FailFirst)+" requests first.\n")
		return models.InboxAnswered, how.FailStatus
	}
	switch status = how.Status; how.Mode {
	case models.InboxDrop:
		return models.InboxDropped, 0
	case models.InboxRedirect:
		to := how.RedirectTo
		if to == "" {
			to = a.InboxAddress(b.Token)
		}
		status = models.InboxRedirectStatus
		c.Writer.Header().Set("Location", to)
		plain(c, status, "")
	case models.InboxDrip:
		whole = a.stream(c, status, []byte("."), int(longest/dripEvery), dripEvery)
	case models.InboxHuge:
		whole = a.stream(c, status, bytes.Repeat([]byte("h"), chunkSize), hugeBody/chunkSize, 0)
	case models.InboxEndless:
		whole = a.stream(c, status, bytes.Repeat([]byte("e"), chunkSize), int(longest/endlessPause), endlessPause)
	case models.InboxAnswer:
		plain(c, status, "kept\n")
	}
	if !whole {
		return models.InboxCut, status
	}
	return models.InboxAnswered, status
}

// plain answers with a short text. It says its length, so that the caller has it whole once it is flushed.
func plain(c *gin.Context, status int, text string) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(text)))
	}
	if text == "" || status == http.StatusNoContent || status == http.StatusNotModified {
		c.Writer.WriteHeader(status)
		c.Writer.WriteHeaderNow()
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	c.Writer.WriteHeader(status)
	_, _ = io.WriteString(c.Writer, text) // the caller may have gone
}

// stream sends a piece n times with a pause after each, and reports whether somebody read it to its end. The end of the process is one.
func (a *api) stream(c *gin.Context, status int, piece []byte, n int, pause time.Duration) (whole bool) {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	c.Writer.WriteHeader(status)
	for range n {
		if _, err := c.Writer.Write(piece); err != nil {
			return false
		}
		if a.Draining() {
			return true
		}
		c.Writer.Flush()
		if !a.pause(c.Request.Context(), pause) {
			return false
		}
	}
	return true
}

// pause waits and reports whether the caller is still there.
func (a *api) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
