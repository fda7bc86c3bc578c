package web

import (
	"net/http"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// secretLine is a secret of a subscription with what is known of its use.
type secretLine struct {
	Number        int        `json:"number"`
	State         string     `json:"state"`
	SecretKey     string     `json:"secret_key"`
	ActivatesAt   *time.Time `json:"activates_at"`
	EndsAt        *time.Time `json:"ends_at"`
	Attempts      int        `json:"attempts"`
	Succeeded     int        `json:"succeeded"`
	LastAttemptAt *time.Time `json:"last_attempt_at"`
}

// state is what a secret does now, for a badge.
func (l secretLine) state() ui.State {
	switch l.State {
	case "next":
		return ui.State{Word: "Next", Tone: ui.Wait}
	case "previous":
		return ui.State{Word: "Previous", Tone: ui.Quiet}
	}
	return ui.State{Word: "Signs", Tone: ui.Good}
}

// rotation is the page of a subscription's secrets.
type rotation struct {
	lines []secretLine
	fresh string // the secret that was just made, shown this once
}

// waiting reports whether a next secret can be activated.
func (r *rotation) waiting() bool {
	return len(r.lines) > 0 && r.lines[0].State == "next"
}

// ending reports whether a previous secret still signs.
func (r *rotation) ending() bool {
	return len(r.lines) > 1 && r.lines[1].State == "previous"
}

// untried reports whether no receiver accepted anything with the next secret.
func (r *rotation) untried() bool { return r.waiting() && r.lines[0].Succeeded == 0 }

// evidence is where a receiver finds what it needs to check a call of the subscription, and how that goes on while its secret is exchanged.
type evidence int

const (
	signedByHeaders evidence = iota // a header for each secret
	signedByList                    // one header with a signature for each secret
	bySecret                        // the secret itself, one at a time
)

func evidenceOf(format string) evidence {
	switch models.Format(format) {
	case models.FormatStandardWebhooks:
		return signedByList
	case models.FormatDocumenso:
		return bySecret
	default:
		return signedByHeaders
	}
}

func (s *site) showSecret(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	fresh := ""
	v.takeOnce(&fresh)
	return v.secretPage(http.StatusOK, &aboutSubscription{webhook: w}, fresh)
}

func (v *view) secretPage(status int, a *aboutSubscription, fresh string) error {
	a.tab = "Secret"
	var list struct{ Data []secretLine }
	if err := v.get(a.call("/secrets"), &list); err != nil {
		return err
	}
	return v.renderAs(status, a.title(), secretPage(v, a, &rotation{lines: list.Data, fresh: fresh}))
}

// changeSecret makes the next secret, or takes a rotation a step further or back. All are sent to the page's own address, so that whatever comes
// back can be loaded again.
func (s *site) changeSecret(v *view) error {
	switch v.form.Get("do") {
	case "activate":
		return v.stepRotation("/activate_secret", "The new secret signs now.")
	case "cancel":
		return v.stepRotation("/cancel_rotation", "The next secret was taken back. The current one signs alone.")
	case "finish":
		return v.stepRotation("/finish_rotation", "The previous secret has ended. The current one signs alone.")
	}
	return v.rotateSecret()
}

// rotateSecret leads to the page that shows the new secret, once.
func (v *view) rotateSecret() error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	a := &aboutSubscription{webhook: w}
	var made secretLine
	err = v.do(callJSON(http.MethodPost, w.call("/rotate_secret"), map[string]any{"overlap_seconds": numberOf(v.form.Get("overlap"))}), &made)
	if f := faultsOf(err); f != nil {
		a.fault = f[""] + f["overlap_seconds"]
		return v.secretPage(http.StatusUnprocessableEntity, a, "")
	}
	if err != nil {
		return err
	}
	return v.showOnce(w.path()+"/secret", made.SecretKey)
}

// stepRotation makes one of the calls that take nothing.
func (v *view) stepRotation(call, done string) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	err = v.do(ui.Call{Method: http.MethodPost, Path: w.call(call)}, nil)
	if f := faultsOf(err); f != nil {
		return v.secretPage(http.StatusUnprocessableEntity, &aboutSubscription{webhook: w, fault: f[""]}, "")
	}
	if err != nil {
		return err
	}
	return v.goTo(w.path()+"/secret", done)
}
