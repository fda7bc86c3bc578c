package handlers

import "net/http"

// actions names what routes of /v3 do to what is kept, for the audit log. Routes that look or publish are not in it: what was published
// is told by the events themselves, and a dry run does nothing.
var actions = map[string]string{
	http.MethodPost + " /v3/webhooks":                          "webhook.create",
	http.MethodPatch + " /v3/webhooks/:webhook":                "webhook.update",
	http.MethodDelete + " /v3/webhooks/:webhook":               "webhook.delete",
	http.MethodPost + " /v3/webhooks/:webhook/rotate_secret":   "webhook.rotate_secret",
	http.MethodPost + " /v3/webhooks/:webhook/activate_secret": "webhook.activate_secret",
	http.MethodPost + " /v3/webhooks/:webhook/cancel_rotation": "webhook.cancel_rotation",
	http.MethodPost + " /v3/webhooks/:webhook/finish_rotation": "webhook.finish_rotation", // which the program does too, when the time has come
	http.MethodPost + " /v3/webhooks/:webhook/revert":          "webhook.revert",
	http.MethodPost + " /v3/webhooks/:webhook/suspend":         "webhook.suspend",
	http.MethodPost + " /v3/webhooks/:webhook/resume":          "webhook.resume",
	http.MethodPost + " /v3/webhooks/:webhook/test":            "webhook.test",
	http.MethodPost + " /v3/webhooks/:webhook/backfill":        "job.backfill",
	http.MethodPost + " /v3/deliveries/retry":                  "job.retry",
	http.MethodDelete + " /v3/jobs/:job":                       "job.cancel",
	http.MethodPost + " /v3/deliveries/:delivery/retry":        "delivery.retry",
	http.MethodPost + " /v3/events/:event/replay":              "event.replay",
	http.MethodDelete + " /v3/events/:event/payload":           "event.expunge",
	http.MethodDelete + " /v3/entities/:entity":                "entity.remove",
	http.MethodPost + " /v3/sandbox/inboxes":                   "inbox.create",
	http.MethodPatch + " /v3/sandbox/inboxes/:inbox":           "inbox.update",
	http.MethodDelete + " /v3/sandbox/inboxes/:inbox":          "inbox.delete",
	http.MethodPost + " /v3/workspaces":                        "workspace.create",
	http.MethodPatch + " /v3/workspaces/:workspace":            "workspace.update",
	http.MethodDelete + " /v3/workspaces/:workspace":           "workspace.delete",
	http.MethodPost + " /v3/scopes":                            "scope.create",
	http.MethodPatch + " /v3/scopes/:scope":                    "scope.update",
	http.MethodDelete + " /v3/scopes/:scope":                   "scope.delete",
	http.MethodPost + " /v3/event_types":                       "event_type.create",
	http.MethodPatch + " /v3/event_types/:event_type":          "event_type.update",
	http.MethodDelete + " /v3/event_types/:event_type":         "event_type.delete",
	http.MethodPost + " /v3/api_keys":                          "key.create",
	http.MethodDelete + " /v3/api_keys/:key":                   "key.revoke",
}

// does is the name of what the route does, "" where nothing is entered in the audit log.
func (r route) does() string { return actions[r.method+" "+r.path] }
