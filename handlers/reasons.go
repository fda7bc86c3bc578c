package handlers

// reasons is the one table from what can be wrong with a field to the sentence that says so. The keys are tags of the validator,
// with the kind of the value where one tag means different things, and our own. It is never changed.
var reasons = map[string]string{
	// the form of a value
	"missing": "This value is required.",
	"string":  "This value must be a string.",
	"boolean": "This value must be true or false.",
	"integer": "This value must be a whole number.",
	"number":  "This value must be a number.",
	"array":   "This value must be an array of strings.",
	"object":  "This value must be an object.",
	"depth":   "Arrays and objects must not be nested deeper than 64.",
	"nodes":   "There must not be more than 10,000 values in it.",
	"bytes":   "This value must not be larger than %s.",

	// sizes
	"required":   "This value must not be empty.",
	"min/string": "This value must have at least %s character.",
	"max/string": "This value must have at most %s characters.",
	"min/slice":  "This list must not be empty.",
	"max/slice":  "This list must have at most %s entries.",
	"min/int":    "This value must be at least %s.",
	"max/int":    "This value must be at most %s.",
	"gte":        "This value must be at least %s.",
	"lte":        "This value must be at most %s.",

	// texts
	"text":          "There is a NUL, invalid UTF-8 or half of a surrogate pair in this text.",
	"safe":          "This text must not begin or end with a blank, nor contain an HTML tag, an address of a web page, an e-mail address or a control character.",
	"masked":        "This is the mask that readers see in the place of the value, not a value.",
	"uuid":          "This value must be a UUID.",
	"of_entity":     "A webhook that belongs to a document pack stays with it, and no other becomes one. Delete it and make another.",
	"part_twice":    "Send one of %s, not both.",
	"entity_parent": "An entity_parent_key stands beside the entity_key of a part of it; leave it out where the event is about the whole.",
	"entity_key":    "This value must have 1 to 256 bytes; leave it out for none.",

	// the rules of a subscription
	"endpoint":           "The endpoint %s.",
	"format":             "This value must be one of: %s.",
	"oneof":              "This value must be one of: %s.",
	"unfit":              "%s",
	"same_again":         "This is the current secret. Give another one, or none to have one made.",
	"format_unfit":       "The subscription's secret does not do for this format. Give a secret_key that does together with it.",
	"alone":              "The star means everything, so it must be the only entry.",
	"duplicate":          "This entry stands in the list before.",
	"pattern":            "%s",
	"reachable":          "No known event has a name like this. GET /v3/event_types lists them.",
	"known_scope":        "There is no scope of this name. GET /v3/scopes lists them.",
	"subscribable":       "Events of this scope reach only subscriptions to all scopes (*).",
	"workspace":          "This value must be the UUID of a workspace, or * alone.",
	"sandbox_workspaces": "A sandbox subscription can't be limited to workspaces: the list must be [\"*\"].",
	"sandbox_key":        "A sandbox key works with sandbox only.",

	"version": "There is no such version. GET /v3/webhooks/{id}/versions lists them.",

	"action": "There is no such action. This value must be one of these, or a family such as webhook.*: %s.",

	// a dry run
	"webhook":     "There is no webhook with this id.",
	"last_events": "This value must be a whole number from 1 to 10000.",

	// static headers
	"header_name":      "This is not a valid header name.",
	"header_reserved":  "This header is set by the sender and can't be chosen.",
	"header_duplicate": "This header stands there twice: names of headers are the same in upper and lower case.",
	"header_value":     "A header's value may only have printable ASCII characters, blanks and tabs, at most 4096.",

	// events
	"event_name":      "There is no event of this name. GET /v3/event_types lists them.",
	"operational":     "Events of this name are about Hookrouter itself, and only it publishes them.",
	"event_time":      "This value must be a time in RFC 3339 or in Unix seconds, from 1970 to 9999.",
	"idempotency_key": "This header must stand once and have 1 to 255 printable ASCII characters.",
	"batch_key":       "A batch has no Idempotency-Key. Give its events an event_id each.",
	"batch_size":      "A batch must have 1 to 1000 events.",
	"batch":           "This value must be an array of events.",

	// the sandbox
	"speed":       "This value must be 0, for all at once, or from 0.1 to 1000.",
	"step":        "This value must be a whole number from 1 to %s.",
	"run_id":      "This must be the run_id of the answer to another step of the last 24 hours.",
	"run_step":    "A run_id says which run a step belongs to, so it stands beside step only.",
	"web_address": "This value must be the address of a web page: http or https, without a user.",
	// the organization's own catalogue
	"new_type":     "A name has lower-case letters, digits and underscores in parts joined by dots, at most 128 bytes.",
	"not_ours":     "Events of this name are about Hookrouter itself, and only it publishes them.",
	"new_scope":    "A name has 1 to 64 lower-case letters, digits and underscores.",
	"builtin":      "This name is built in.",
	"renamed":      "A name can't be changed.",
	"sample_bytes": "This value must not be larger than 16 KiB.",
	// sending again
	"bound":         "This value is required: without a beginning it would be everything that was ever kept.",
	"job_period":    "The time ends before it begins. It ends now at the latest.",
	"resendable":    "Deliveries of this status are on their way anyway.",
	"known_webhook": "There is no webhook with this id.",

	// queries
	"query":      "The query can't be read.",
	"parameter":  "There is no parameter of this name here.",
	"field":      "There is no field of this name here.",
	"repeated":   "This parameter must stand only once.",
	"limit":      "This value must be a whole number from 1 to 100.",
	"whole":      "This value must be a whole number from 0 to %s.",
	"cursor":     "This is not a cursor of this list with these filters.",
	"filter":     "This value must not be empty, longer than 256 bytes, or contain control characters or invalid UTF-8.",
	"truth":      "This value must be true or false.",
	"key_filter": "This value must not be empty, longer than 256 bytes, or contain NUL or invalid UTF-8.",
	"status":     "There is no such status.",
	"matched":    "The only value is none.",
	"period":     "This time must not be before from.",

	// keys and the audit log
	"role":        "A role is admin, manager, publisher or reader.",
	"environment": "An environment is production or sandbox.",
	"actor":       "This value must be the id of a key, or key, operator or program.",
	// statistics
	"interval":    "This value must be hour or day.",
	"after_from":  "This time must be after from.",
	"far":         "This time is too far ahead.",
	"intervals":   "From here to the end there are more than %s intervals. Ask for a shorter time or a longer interval.",
	"stats_hours": "This is too long for so many webhooks: their number times the hours must be at most 50000.",

	// a retry plan
	"failing_for":        "This value must be a duration such as 90m or 6h, at most 8760h.",
	"failing_with":       "There is no such reason for which an attempt fails.",
	"retry_after":        "This value must be a whole number of seconds, at most 31536000.",
	"retry_after_status": "Only a failure with status has a Retry-After.",
}
