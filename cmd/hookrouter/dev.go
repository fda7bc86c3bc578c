package main

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"text/template"

	"hookrouter/handlers"
	"hookrouter/models"
	"hookrouter/signing"
)

// devOrganization is the organization that serve --dev makes.
const devOrganization = "dev"

// greeting is what serve --dev prints. Its lines work as they are printed.
var greeting = template.Must(template.New("greeting").Parse(`
Hookrouter is running on {{.URL}} (development: plain http and loopback endpoints are allowed).

Open this in the browser. It signs you in, once, and one click there shows a signed webhook arrive:

   {{.Link}}

Your API key: {{.Key}}

The operator's pages: {{.URL}}/developers/operator
{{if .Operator}}(sign in with your HOOKROUTER_ADMIN_TOKEN)
{{else}}(none yet: set HOOKROUTER_ADMIN_TOKEN, of 16 characters at least, and start again)
{{end}}
The same from a shell:

1. In a second terminal, start a receiver that checks signatures:

   go run ./cmd/hookreceiver --listen 127.0.0.1:9000 --secret {{.Secret}}

2. In a third, subscribe it to every event:

   curl -sS {{.URL}}/v3/webhooks \
     -H 'Authorization: Bearer {{.Key}}' -H 'Content-Type: application/json' \
     -d '{"endpoint":"http://127.0.0.1:9000/","description":"My first subscription","sandbox":false,"subscribed_events":["*"],"scopes":["*"],"auto_retry":true,"enabled":true,"secret_key":"{{.Secret}}"}'

3. Publish an event:

   curl -sS {{.URL}}/v3/events \
     -H 'Authorization: Bearer {{.Key}}' -H 'Content-Type: application/json' \
     -d '{"event_name":"signature_request.done","data":{"signature_request":{"id":"3d0a","status":"done"}}}'

4. See what was delivered:

   curl -sS {{.URL}}/v3/deliveries -H 'Authorization: Bearer {{.Key}}'

`))

// greet makes the development organization and its key, and prints how to go on. Key and secret are derived from the master key, so
// that they stay the same over restarts although only the key's hash is stored.
func (s *server) greet(ctx context.Context, address string) error {
	keys, err := findMasterKeys(s.config, keyMade)
	if err != nil {
		return err
	}
	random, err := hkdf.Key(sha256.New, keys[0], nil, "hookrouter development key and secret", 64)
	if err != nil {
		return fmt.Errorf("derive development key: %w", err)
	}
	source := bytes.NewReader(random)
	text, err := handlers.NewKeyText(source, models.Production)
	if err != nil {
		return err
	}
	secret, err := signing.GenerateSecret(source)
	if err != nil {
		return err
	}
	org, err := ensureOrganization(ctx, s.db, devOrganization)
	if err != nil {
		return err
	}
	switch _, err := s.db.KeyByHash(ctx, handlers.HashKey(text)); models.CodeOf(err) {
	case models.CodeNotFound:
		if _, err := saveKey(ctx, s.db, org.ID, text, models.RoleAdmin, models.Production); err != nil {
			return err
		}
	default:
		if err != nil {
			return err
		}
	}
	link, err := s.loginLink(ctx, handlers.HashKey(text))
	if err != nil {
		return err
	}
	return greeting.Execute(s.stdout, struct {
		URL, Key, Secret, Link string
		Operator               bool
	}{"http://" + address, text, secret, link, s.config.AdminToken != ""})
}
