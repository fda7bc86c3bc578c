package main

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// program is the surroundings of a run.
type program struct {
	env            map[string]string
	stdout, stderr io.Writer
}

func rootCommand(p program) *cobra.Command {
	root := &cobra.Command{
		Use:           "hookrouter",
		Short:         "Accepts events and delivers them as signed webhooks",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	addSettings(root.PersistentFlags())
	root.AddCommand(serveCommand(p), migrateCommand(p), keysCommand(p), verifyCommand(p), healthcheckCommand(p), versionCommand(p))
	return root
}

// addSettings offers every setting as a flag. Their defaults stay empty here: an unset flag must not hide the environment.
func addSettings(flags *pflag.FlagSet) {
	flags.String("config", "", "YAML file with settings")
	for _, s := range settings() {
		flags.String(s.flag(), "", s.usage)
	}
}

func versionCommand(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, version())
			return err
		},
	}
}

// version is the module version and, where the build knows it, the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	if text == "" {
		text = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " " + s.Value
		}
	}
	return text
}
