package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func migrateCommand(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this version's schema; serve does it too",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, _, err := p.openStore(cmd, keyOptional)
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = fmt.Fprintln(p.stdout, "schema is up to date")
			return err
		},
	}
}
