package store

// oncePlace keeps what is sealed for a browser apart from what is sealed for a row.
const oncePlace = "browser|"

// Seal encrypts a text that leaves the process and comes back, such as one that a page shows once. It opens on every instance of this
// database, for the same place alone.
func (s *Store) Seal(place, text string) ([]byte, error) {
	sealed, err := s.keys.seal(oncePlace+place, text)
	return sealed, wrap("seal", err)
}

// Unseal decrypts what [Store.Seal] encrypted for the same place. What was changed, or sealed for elsewhere, is an error.
func (s *Store) Unseal(place string, sealed []byte) (string, error) {
	text, err := s.keys.open(oncePlace+place, sealed)
	return text, wrap("unseal", err)
}
