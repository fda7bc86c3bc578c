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
		Args:          cobra.NoArgs, // an unknown command is an argument too many
		RunE:          showHelp,
	}
	addSettings(root.PersistentFlags())
	root.AddCommand(serveCommand(p), migrateCommand(p), keysCommand(p), verifyCommand(p), triggerCommand(p), listenCommand(p), importCommand(p),
		healthcheckCommand(p), doctorCommand(p), versionCommand(p))
	return root
}

// showHelp is what a command does that only has others below it.
func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// onceBegun wraps a command and all below it so that begin is called when one of them gets to work.
func onceBegun(cmd *cobra.Command, begin func()) {
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			begin()
			return work(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		onceBegun(sub, begin)
	}
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
