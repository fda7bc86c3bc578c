package signing

// Names of the headers of a delivery, in canonical form, so that they also work as keys of an http.Header literal.
const (
	// SignatureHeader carries the signature made with the subscription's current secret.
	SignatureHeader = "X-Yousign-Signature-256"

	// NextSignatureHeader carries a second signature while a new secret waits to be activated, made with that new secret.
	NextSignatureHeader = "X-Hookrouter-Signature-Next"

	// PreviousSignatureHeader carries a second signature for some time after a new secret was activated, made with the
	// replaced one.
	PreviousSignatureHeader = "X-Hookrouter-Signature-Previous"

	// RetryHeader carries the number of earlier attempts of this delivery: 0 on the first.
	RetryHeader = "X-Yousign-Retry"

	// IssuedAtHeader carries the moment of this call in Unix seconds. No signature covers it.
	IssuedAtHeader = "X-Yousign-Issued-At"

	// DeliveryHeader carries the id of the delivery: the same in every retry, another for each subscription.
	DeliveryHeader = "X-Hookrouter-Delivery"

	// AttemptHeader identifies the attempt within its delivery.
	AttemptHeader = "X-Hookrouter-Attempt"

	// StandardIDHeader carries the id of the event in Standard Webhooks: the same in every retry.
	StandardIDHeader = "Webhook-Id"

	// StandardTimestampHeader carries the moment of this call in Unix seconds in Standard Webhooks. The signature covers it.
	StandardTimestampHeader = "Webhook-Timestamp"

	// StandardSignatureHeader carries the signatures of Standard Webhooks, with a blank between two.
	StandardSignatureHeader = "Webhook-Signature"
)
