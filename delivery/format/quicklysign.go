package format

import (
	"cmp"
	"time"

	"hookrouter/models"
)

// quicklySign is a callback of QuicklySign (https://docs.quicklysign.com/docs/webhooks): four texts in an object, and nothing in the header
// but its type. The body holds nothing of the event but its name: the receiver fetches the entity.
type quicklySign struct{ optionalSecret }

// Name is the format's.
func (quicklySign) Name() models.Format { return models.FormatQuicklySign }

// Terms are those of the page "Delivery Retries & Backoff": whatever is not a 2xx is tried again, with exponential backoff, until one
// arrives. The page gives no figures, nor does it say what becomes of a redirect; it is no 2xx.
func (quicklySign) Terms() Terms {
	return Terms{
		SuccessBelow: 300, TimeoutFirst: 10 * time.Second, TimeoutRetry: 10 * time.Second,
		Backoff: Backoff{First: time.Minute, Factor: 2, Most: 6 * time.Hour},
	}
}

// Body writes the four keys in the order of the page's examples. Subscriptions of V0 have another name for the last one.
func (quicklySign) Body(j *models.Job) []byte {
	e, s := j.Event, j.Matched
	const keys = 160 // more than the keys, the subscription's key and punctuation take
	entity := entityOf(e, s)
	b := make([]byte, 0, keys+len(entity)+len(e.Name))
	b = append(b, `{"entity_type":"Document","entity_key":`...)
	b = appendString(b, entity)
	b = append(b, `,"callback_event":`...)
	b = appendString(b, e.Name)
	if s.V0 {
		b = append(b, `,"subscription_key":`...)
	} else {
		b = append(b, `,"webhook_key":`...)
	}
	b = appendString(b, s.Key())
	return append(b, '}')
}

// entityOf is the entity that a callback names: the one that the webhook belongs to, also where the event is about a part of it, because
// receivers fetch GET /v1/document_packs/{entity_key}. A subscription to all entities is told the pack too, where the event names one. See
// docs/adr/0025.
func entityOf(e *models.Event, s *models.Subscription) string {
	return cmp.Or(s.EntityKey, e.EntityParentKey, e.EntityKey)
}

// Headers signs the body where the subscription has a secret, as the vendor of the default format does: QuicklySign's own calls are not
// signed, and its receivers look at no header.
func (quicklySign) Headers(dst []Header, j *models.Job, body []byte, _ int, issuedAt time.Time) ([]Header, error) {
	dst = append(dst, Header{"Content-Type", "application/json"}, Header{"User-Agent", ownUserAgent})
	if j.Current.Signing(issuedAt).Current.IsZero() {
		return dst, nil
	}
	return vendorSignatures(dst, j.Current, body, issuedAt)
}
