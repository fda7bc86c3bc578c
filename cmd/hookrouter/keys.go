package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"hookrouter/handlers"
	"hookrouter/models"
	"hookrouter/store"
)

func keysCommand(p program) *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "Make, list and revoke API keys", Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(keysCreateCommand(p), keysListCommand(p), keysRevokeCommand(p))
	return cmd
}

func keysCreateCommand(p program) *cobra.Command {
	var organization, role, environment string
	var quicklySign bool
	cmd := &cobra.Command{
		Use:   "create --organization NAME --role ROLE",
		Short: "Make a key; prints it alone, and only this once",
		Long: "Makes a key for an organization, which is created where it is new. The key is printed alone on standard output; only its hash is kept. " +
			"With --quicklysign it is a client_id and a client_secret for /v1, one in each line; there --role is manager unless it is said.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quicklySign && role == "" {
				role = string(models.RoleManager)
			}
			if quicklySign && role == string(models.RolePublisher) {
				return usageError{fmt.Errorf("--role publisher has nothing to do with --quicklysign: events are published with an API key")}
			}
			if !slices.Contains(models.Roles(), models.Role(role)) {
				return usageError{fmt.Errorf("--role must be admin, manager, publisher or reader")}
			}
			env := models.Environment(environment)
			if env != models.Production && env != models.Sandbox {
				return usageError{fmt.Errorf("--environment must be production or sandbox")}
			}
			if !models.ValidOrganizationName(organization) {
				return usageError{fmt.Errorf("--organization: %s", models.OrganizationNameRule)}
			}
			db, _, err := p.openStore(cmd, keyOptional)
			if err != nil {
				return err
			}
			defer db.Close()
			org, err := ensureOrganization(cmd.Context(), db, organization)
			if err != nil {
				return err
			}
			if quicklySign {
				return p.createPair(cmd, db, org.ID, models.Role(role), env)
			}
			text, err := handlers.NewKeyText(rand.Reader, env)
			if err != nil {
				return err
			}
			if _, err := saveKey(cmd.Context(), db, org.ID, text, models.Role(role), env); err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.stdout, text)
			return err
		},
	}
	cmd.Flags().StringVar(&organization, "organization", "", "name of the organization")
	cmd.Flags().StringVar(&role, "role", "", "admin, manager, publisher or reader")
	cmd.Flags().StringVar(&environment, "environment", string(models.Production), "production or sandbox")
	cmd.Flags().BoolVar(&quicklySign, "quicklysign", false, "make a client_id and a client_secret for the QuicklySign surface /v1")
	_ = cmd.MarkFlagRequired("organization")
	return cmd
}

// ensureOrganization finds the organization or makes it. Two processes may race to make it; the loser takes the winner's.
func ensureOrganization(ctx context.Context, db *store.Store, name string) (models.Organization, error) {
	org, err := db.OrganizationByName(ctx, name)
	if models.CodeOf(err) != models.CodeNotFound {
		return org, err
	}
	org = models.Organization{ID: newID(), Name: name, CreatedAt: time.Now()}
	if err := db.CreateOrganization(ctx, org); models.CodeOf(err) == models.CodeConflict {
		return db.OrganizationByName(ctx, name)
	} else if err != nil {
		return models.Organization{}, err
	}
	return org, nil
}

// newID makes a version 7 UUID, which sorts by the time it was made.
func newID() models.ID { return models.ID(uuid.Must(uuid.NewV7())) }

func keysListCommand(p program) *cobra.Command {
	var organization string
	cmd := &cobra.Command{
		Use:   "list [--organization NAME]",
		Short: "List keys with their role, environment and state, never their text",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := p.openExisting(cmd)
			if err != nil {
				return err
			}
			defer db.Close()
			orgs, err := organizationsNamed(cmd.Context(), db, organization)
			if err != nil {
				return err
			}
			out := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(out, "ID\tORGANIZATION\tKEY\tROLE\tENVIRONMENT\tCREATED\tREVOKED")
			for _, org := range orgs {
				keys, err := db.Keys(cmd.Context(), org.ID)
				if err != nil {
					return err
				}
				for _, k := range keys {
					fmt.Fprintf(out, "%s\t%s\t%s…\t%s\t%s\t%s\t%s\n", k.ID, org.Name, k.Hint, k.Role, k.Environment, day(k.CreatedAt), day(k.RevokedAt))
				}
			}
			return out.Flush()
		},
	}
	cmd.Flags().StringVar(&organization, "organization", "", "only this organization's")
	return cmd
}

// organizationsNamed is the organization of this name, or all where the name is empty.
func organizationsNamed(ctx context.Context, db *store.Store, name string) ([]models.Organization, error) {
	if name == "" {
		return db.Organizations(ctx)
	}
	org, err := db.OrganizationByName(ctx, name)
	if models.CodeOf(err) == models.CodeNotFound {
		return nil, fmt.Errorf("there is no organization %q", name)
	}
	return []models.Organization{org}, err
}

// openExisting opens the store for commands that have nothing to do on a new one. Failure policy: a SQLite file that is not there is
// refused and not made, because the path is then most likely a mistake.
func (p program) openExisting(cmd *cobra.Command) (*store.Store, error) {
	c, err := readConfig(p.env, cmd.InheritedFlags(), false)
	if err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(c.DatabaseURL, "sqlite://"); ok {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no database at %s; --database-url or HOOKROUTER_DATABASE_URL says where it is", path)
		}
	}
	db, _, err := p.openStore(cmd, keyOptional)
	return db, err
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func keysRevokeCommand(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a key; calls with it are refused from now on, on every instance",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := models.ParseID(args[0])
			if err != nil {
				return usageError{errors.New("the id of a key is a UUID; `hookrouter keys list` shows it")}
			}
			db, err := p.openExisting(cmd)
			if err != nil {
				return err
			}
			defer db.Close()
			k, err := db.Key(cmd.Context(), id)
			if err != nil {
				return err
			}
			err = audited(cmd.Context(), db, "key.revoke", k.OrganizationID, id, func() error {
				return db.RevokeKey(cmd.Context(), id, time.Now())
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.stdout, "revoked", id)
			return err
		},
	}
}
