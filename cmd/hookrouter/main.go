package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hookrouter:", err)
		os.Exit(exitCode(err))
	}
}

// usageError is a mistake on the command line or in the settings, as opposed to a failure while running.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// exitCode is 2 for a mistake of the caller and 1 for a failure.
func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// run is the whole program with its surroundings passed in, so that tests run it in process.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	env := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	root := rootCommand(program{env: env, stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	begun := false
	onceBegun(root, func() { begun = true })
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !begun { // whatever fails before a command gets to work is wrong on the command line
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	}
	return err
}
