package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"hookrouter/handlers"
	"hookrouter/models"
	"hookrouter/web"
)

// pages makes the Developer Space over the API of this instance.
func (s *server) pages(api http.Handler) (http.Handler, error) {
	return web.New(web.Options{
		Store: s.db, API: api, AsKey: handlers.WithKey, AsOperator: handlers.AsOperator, HashKey: handlers.HashKey,
		AdminToken: models.NewSecret(s.config.AdminToken), PublicURL: publicURL(s.config.PublicURL, s.address),
		Random: rand.Reader, Now: time.Now, Draining: s.draining.Load, Logger: s.log,
	})
}

// loginLink makes a link that signs in with a key, once.
func (s *server) loginLink(ctx context.Context, hash [32]byte) (string, error) {
	key, err := s.db.KeyByHash(ctx, hash)
	if err != nil {
		return "", err
	}
	token, err := web.NewToken(rand.Reader)
	if err != nil {
		return "", err
	}
	now := time.Now()
	err = s.db.CreateSession(ctx, models.Session{
		Hash: web.LinkHash(token), Kind: models.SessionLink, KeyID: key.ID, CreatedAt: now, SeenAt: now, EndsAt: now.Add(models.LoginLinkTime),
	})
	return publicURL(s.config.PublicURL, s.address) + web.LinkPath(token), err
}
