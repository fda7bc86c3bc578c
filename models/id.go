package models

import (
	"bytes"
	"encoding/hex"
	"time"
)

// ID is a UUID (RFC 9562). Ids made here are version 7, so they sort by the time they were made and a lookup by id lands in
// one day's partition; ids chosen by a producer may be any version.
type ID [16]byte

// ParseID reads the canonical 36-character form, in either case. Any other spelling is an error of code [CodeInvalid], so that
// one resource has one address.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, Errorf(CodeInvalid, "not a UUID")
	}
	var digits [32]byte
	n := 0
	for _, part := range [...][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}} {
		n += copy(digits[n:], s[part[0]:part[1]])
	}
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return ID{}, Errorf(CodeInvalid, "not a UUID")
	}
	return id, nil
}

// String is the canonical lower-case form.
func (id ID) String() string {
	var b [36]byte
	return string(id.AppendText(b[:0]))
}

// AppendText appends the canonical form to dst.
func (id ID) AppendText(dst []byte) []byte {
	dst = hex.AppendEncode(dst, id[0:4])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, id[4:6])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, id[6:8])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, id[8:10])
	dst = append(dst, '-')
	return hex.AppendEncode(dst, id[10:16])
}

// MarshalText writes the canonical form; it makes an ID a JSON string.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(make([]byte, 0, 36)), nil }

// UnmarshalText reads what [ParseID] reads.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Compare orders ids by their bytes, which for version 7 is by time: -1, 0 or 1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// IsZero reports whether the id is absent.
func (id ID) IsZero() bool { return id == ID{} }

// Time is when a version 7 id was made, to the millisecond. It means nothing for other versions.
func (id ID) Time() time.Time {
	ms := int64(id[0])<<40 | int64(id[1])<<32 | int64(id[2])<<24 | int64(id[3])<<16 | int64(id[4])<<8 | int64(id[5])
	return time.UnixMilli(ms).UTC()
}

// FloorID is the smallest version 7 id of an instant: ids made at t or later are not below it. It turns a time filter into a
// range of ids.
func FloorID(t time.Time) ID {
	ms := max(t.UnixMilli(), 0)
	return ID{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms), 0x70, 0, 0x80}
}

// testVersion is the version of ids that carry the mark of a test. RFC 9562, section 5.8, leaves the layout of version 8 to us: it is
// that of version 7, so such ids sort among the others and lie in the partition of their day.
const testVersion = 0x8

// MarkTest turns a version 7 id into the ref of a test event. The ids of its deliveries are made from it, so they carry the mark too,
// and it costs neither a column nor an index ([Event.Test], [Delivery.Test]).
func MarkTest(id ID) ID {
	id[6] = testVersion<<4 | id[6]&0x0f
	return id
}

// Marked reports whether an id carries the mark of a test: that of its event or its delivery.
func (id ID) Marked() bool { return id[6]>>4 == testVersion }

// DeliveryID is the id of an event's n-th delivery, counted from 0. It is the event's ref with the number in it, so the deliveries of
// an event lie side by side where deliveries are sorted by id, beside those of its neighbors in time: they are found without an index
// of their own. It has room for 2^24 deliveries; that two events agree in all other bytes would take the same millisecond and the same
// 62 random bits less those 24.
func DeliveryID(ref ID, n int) ID {
	id := ref
	id[10], id[11], id[12] = byte(n>>16), byte(n>>8), byte(n)
	return id
}

// DeliveryIDs are the smallest and the largest id that deliveries of an event can have, both inclusive.
func DeliveryIDs(ref ID) (first, last ID) {
	first, last = ref, ref
	for i := 10; i < len(ref); i++ {
		first[i], last[i] = 0, 0xff
	}
	return first, last
}
