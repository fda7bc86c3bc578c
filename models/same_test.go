package models

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSame changes one field after the other, so that one that is added is not forgotten.
func TestSame(t *testing.T) {
	t.Parallel()
	description := "Ours"
	of := func() *Subscription {
		return &Subscription{
			Events: []Pattern{"signer.*", "user.done"}, Scopes: []string{"app"}, Workspaces: []string{Any}, Description: &description,
			Headers: []Header{{Name: "A", Value: NewSecret("1")}, {Name: "B", Value: NewSecret("2")}},
		}
	}
	storesOwn := map[string]bool{
		"ID": true, "OrganizationID": true, "Version": true, "Revision": true, "CreatedAt": true, "UpdatedAt": true, "StoppedBelow": true,
		"SuspendedAt": true, "StateReason": true,
	}
	fields := reflect.TypeFor[Subscription]()
	for i := range fields.NumField() {
		changed := of()
		field := reflect.ValueOf(changed).Elem().Field(i)
		switch name := fields.Field(i).Name; name {
		case "Secret":
			changed.Secret = NewSecret("s")
		case "Rotation":
			changed.Rotation = Rotation{Generation: 1}
		case "ID", "OrganizationID":
			field.Set(reflect.ValueOf(ID{1}))
		case "CreatedAt", "UpdatedAt", "DeletedAt", "SuspendedAt":
			field.Set(reflect.ValueOf(time.Unix(1, 0)))
		default:
			switch field.Kind() {
			case reflect.String:
				field.SetString("x")
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Int, reflect.Int64:
				field.SetInt(1)
			case reflect.Float64:
				field.SetFloat(1)
			default:
				field.SetZero()
			}
		}
		require.Equal(t, storesOwn[fields.Field(i).Name], of().Same(changed), fields.Field(i).Name)
	}
	copied, other := "Ours", of()
	other.Description = &copied
	other.Headers = []Header{other.Headers[1], other.Headers[0]}
	require.True(t, of().Same(other), "headers are an object")
	require.True(t, (&Subscription{Scopes: []string{}}).Same(&Subscription{}))
	other.Events = []Pattern{"user.done", "signer.*"}
	require.False(t, of().Same(other), "lists are shown in their order")
}
