package store

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
	"gorm.io/gorm/clause"

	"hookrouter/models"
)

// keyIDLength is how many bytes of SHA-256 of a master key tell which key sealed something. Eight do not collide in practice and
// say nothing about a key of 32 random bytes.
const keyIDLength = 8

type keyID [keyIDLength]byte

// keyring seals with its first key and opens with any. A sealed value is the key's id, a random nonce of 24 bytes and the
// ciphertext of XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), whose nonces are long enough to be random.
type keyring struct {
	first keyID
	keys  map[keyID]cipher.AEAD
}

func newKeyring(keys [][]byte) (*keyring, error) {
	r := &keyring{keys: make(map[keyID]cipher.AEAD, len(keys))}
	for i, key := range keys {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, models.Errorf(models.CodeInvalid, "Master key %d has %d bytes instead of %d.", i+1, len(key), chacha20poly1305.KeySize)
		}
		sum := sha256.Sum256(key)
		id := keyID(sum[:keyIDLength])
		if i == 0 {
			r.first = id
		}
		r.keys[id] = aead
	}
	return r, nil
}

// seal encrypts text for one place; it opens nowhere else.
func (r *keyring) seal(place, text string) ([]byte, error) {
	aead, ok := r.keys[r.first]
	if !ok {
		return nil, models.Errorf(models.CodeInvalid, "There is no master key to seal a secret with.")
	}
	sealed := make([]byte, keyIDLength+aead.NonceSize(), keyIDLength+aead.NonceSize()+len(text)+aead.Overhead())
	copy(sealed, r.first[:])
	nonce := sealed[keyIDLength:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("make nonce: %w", err)
	}
	return aead.Seal(sealed, nonce, []byte(text), []byte(place)), nil
}

// sealedError says why something sealed can't be opened.
type sealedError struct {
	key string // the id of the key it is sealed with; "" where it is too short to tell
	why string
}

// Error never quotes what is sealed.
func (e *sealedError) Error() string { return "open secret: " + e.why }

// open decrypts what was sealed for the same place. Every error is a [sealedError].
func (r *keyring) open(place string, sealed []byte) (string, error) {
	if len(sealed) < keyIDLength+chacha20poly1305.NonceSizeX {
		return "", &sealedError{why: fmt.Sprintf("%d bytes are too few", len(sealed))}
	}
	id := keyID(sealed[:keyIDLength])
	name := hex.EncodeToString(id[:])
	aead, ok := r.keys[id]
	if !ok {
		why := fmt.Sprintf("it is sealed with master key %s, which is not among the %d given", name, len(r.keys))
		return "", &sealedError{key: name, why: why}
	}
	nonce, box := sealed[keyIDLength:keyIDLength+aead.NonceSize()], sealed[keyIDLength+aead.NonceSize():]
	text, err := aead.Open(nil, nonce, box, []byte(place))
	if err != nil {
		return "", &sealedError{key: name, why: fmt.Sprintf("it was changed or belongs elsewhere: %v", err)}
	}
	return string(text), nil
}

// place is what a sealed value is bound to: moved to another row or column it does not open.
func place(table string, organization, subscription models.ID, field string) string {
	return strings.Join([]string{table, organization.String(), subscription.String(), field}, "|")
}

const (
	checkPlace = "key_checks|1|sealed"
	checkText  = "hookrouter"
)

// CheckMasterKey refuses master keys that did not seal this database, with an error that names the id of the missing key. The
// first call on a new database marks it with the first key.
func (s *Store) CheckMasterKey(ctx context.Context) error {
	const operation = "check master key"
	if len(s.keys.keys) == 0 {
		return wrap(operation, models.Errorf(models.CodeInvalid, "There is no master key."))
	}
	type checkRow struct {
		ID     int
		Sealed []byte
	}
	table := s.writer(ctx).Table("key_checks")
	var rows []checkRow
	if err := table.Select("id, sealed").Find(&rows).Error; err != nil {
		return wrap(operation, err)
	}
	if len(rows) == 0 {
		sealed, err := s.keys.seal(checkPlace, checkText)
		if err != nil {
			return wrap(operation, err)
		}
		row := checkRow{ID: 1, Sealed: sealed}
		if err := s.writer(ctx).Table("key_checks").Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return wrap(operation, err)
		}
		// Another instance with another key may have been first.
		if err := s.writer(ctx).Table("key_checks").Select("id, sealed").Find(&rows).Error; err != nil {
			return wrap(operation, err)
		}
	}
	text, err := s.keys.open(checkPlace, rows[0].Sealed)
	if err != nil {
		return wrap(operation, err)
	}
	if text != checkText {
		return fmt.Errorf("%s: the mark of the database reads otherwise", operation)
	}
	return nil
}
