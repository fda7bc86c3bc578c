package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hookbench:", err)
		os.Exit(1)
	}
}

// command runs what the first argument names; without a name it is the table.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	name := "table"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	switch name {
	case "table":
		return tableCommand(ctx, args, stdout, stderr)
	case "run":
		return runCommand(ctx, args, stdout, stderr)
	case "compare":
		return compareCommand(ctx, args, stdout, stderr)
	default:
		return fmt.Errorf("%q is neither table, run nor compare", name)
	}
}
