package handlers

import "hookrouter/models"

// expected is the version that a change was made for, 0 where its body names none. Null is none, since clients send null for what they do
// not know.
func expected(given members) (int, error) {
	var version *int
	var wrong []models.FieldError
	if v, ok := given["version"]; ok && v != nil {
		for _, f := range Nullable(&version, Integer)(v) {
			wrong = append(wrong, models.FieldError{Name: "version", Reason: reason(f.Tag, "")})
		}
	}
	if version != nil && *version < 1 {
		wrong = append(wrong, models.FieldError{Name: "version", Reason: reason("min/int", "1")})
	}
	if wrong != nil {
		return 0, models.Invalid(wrong...)
	}
	return value(version), nil
}

// stillAt refuses a change that was made for another version than the subscription has: somebody changed it since it was read, and would
// have that undone without a word. It is asked inside the store's lock.
func stillAt(s *models.Subscription, version int) error {
	if version == 0 || version == s.Version {
		return nil
	}
	return models.Errorf(models.CodeConflict,
		"The webhook is at version %d and this change was made for version %d. Read it again, or leave version out to change it as it is.",
		s.Version, version)
}
