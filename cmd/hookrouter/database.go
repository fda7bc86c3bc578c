package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hookrouter/store"
)

// keyNeed says what a command needs a master key for.
type keyNeed int

const (
	keyOptional keyNeed = iota // it seals nothing, and takes the key that it finds
	keyRequired                // it can't work without the setting
	keyMade                    // serve --dev: it makes one where there is none
)

// openStore reads the settings, opens the database they name and brings its schema up to date.
func (p program) openStore(cmd *cobra.Command, need keyNeed) (*store.Store, config, error) {
	c, err := readConfig(p.env, cmd.InheritedFlags(), need == keyMade)
	if err != nil {
		return nil, config{}, err
	}
	keys, err := findMasterKeys(c, need)
	if err != nil {
		return nil, config{}, err
	}
	ctx := cmd.Context()
	db, err := store.Open(ctx, store.Options{URL: c.DatabaseURL, MasterKeys: keys, Now: time.Now, Logger: p.logger(c)})
	if err != nil {
		return nil, config{}, err
	}
	if err := db.Migrate(ctx); err != nil {
		return nil, config{}, errors.Join(err, db.Close())
	}
	return db, c, nil
}

// findMasterKeys takes the setting or, unless that is required, the file that serve --dev left beside a SQLite database.
func findMasterKeys(c config, need keyNeed) ([][]byte, error) {
	if c.MasterKey != "" {
		return masterKeys(c.MasterKey)
	}
	if need == keyRequired {
		return nil, usageError{errors.New("set HOOKROUTER_MASTER_KEY: `openssl rand -base64 32` makes one; for development use serve --dev")}
	}
	path, ok := strings.CutPrefix(c.DatabaseURL, "sqlite://")
	if !ok {
		return nil, nil
	}
	path += ".key"
	text, err := os.ReadFile(path) //nolint:gosec // beside the operator's own database
	if errors.Is(err, fs.ErrNotExist) && need == keyMade {
		text, err = makeMasterKey(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("master key file: %w", err)
	}
	return masterKeys(strings.TrimSpace(string(text)))
}

// makeMasterKey writes a new key that only the owner can read. It never overwrites: losing a key loses every secret sealed by it.
func makeMasterKey(path string) ([]byte, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make master key: %w", err)
	}
	text := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // beside the operator's own database
	if err != nil {
		return nil, fmt.Errorf("make master key file: %w", err)
	}
	_, err = f.Write(text)
	return text, errors.Join(err, f.Sync(), f.Close())
}

func (p program) logger(c config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(p.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(p.stderr, options))
}
