// Command hookreceiver is an example of a webhook receiver, and something to point a subscription at:
//
//	go run ./cmd/hookreceiver --secret SECRET
//
// It checks the signature of each arrival with package signing, prints one line about it, and answers 200, or 401 where the
// signature is wrong. With --fail-first, --status and --delay it misbehaves on purpose, to show how the router retries.
//
// It is written to be copied. It must not know anything of the router but package signing and the form of the request. What a
// receiver of your own needs beyond it: the secret from a file or the environment, since other users of a machine can read
// command lines, and a database for the event ids, since this one forgets them when it stops.
//
// Read in this order: main.go, receiver.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"hookrouter/signing"
)

const (
	// defaultMaxBody leaves room around the largest event the router accepts, which is below 1 MiB.
	defaultMaxBody = 2 << 20

	// readTimeout bounds the arrival of a whole request. Failure policy: hang up, because a sender this slow gave up long ago.
	readTimeout = 15 * time.Second

	// stopTimeout bounds the wait for requests in work when the program is told to stop. Failure policy: cut them off, because
	// the sender repeats what was not answered.
	stopTimeout = 5 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hookreceiver:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	listen    string
	secrets   []string
	failFirst int
	status    int
	delay     time.Duration
	maxBody   int64
	showBody  bool
}

// run receives until ctx ends, and returns nil when it stopped in good order.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	opts, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.listen)
	if err != nil {
		return err
	}
	out := log.New(stdout, "", 0) // one write per line, also when requests overlap
	out.Printf("listening on http://%s", listener.Addr())
	return serve(ctx, listener, newReceiver(opts, out), opts.delay)
}

// parse reads and checks the command line. Asked for help, it prints it and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (options, error) {
	var opts options
	fs := flag.NewFlagSet("hookreceiver", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // an error is printed once, by main
	fs.StringVar(&opts.listen, "listen", "127.0.0.1:9000", "`address` to listen on; port 0 takes a free one")
	fs.Func("secret", "`secret` of the subscription; repeat the flag to accept several (required)", func(s string) error {
		opts.secrets = append(opts.secrets, s) // checked below: an error here would print the value
		return nil
	})
	fs.IntVar(&opts.failFirst, "fail-first", 0, "answer 500 to the first `N` arrivals of each event")
	fs.IntVar(&opts.status, "status", http.StatusOK, "status `code` of the answer")
	fs.DurationVar(&opts.delay, "delay", 0, "`time` to wait before answering, such as 1500ms")
	fs.Int64Var(&opts.maxBody, "max-body", defaultMaxBody, "greatest size of a body in `bytes`")
	fs.BoolVar(&opts.showBody, "show-body", false, "also print each body as it came, control characters escaped")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fs.SetOutput(stdout)
			fs.Usage()
		}
		return options{}, err
	}
	if fs.NArg() > 0 {
		return options{}, errors.New("only flags are accepted, there is another argument") // unnamed: it may be the secret
	}
	return opts, opts.check()
}

func (o options) check() error {
	switch {
	case len(o.secrets) == 0:
		return errors.New("--secret is required")
	case o.failFirst < 0:
		return errors.New("--fail-first must not be negative")
	case o.status < 200 || o.status > 599:
		return errors.New("--status must be 200 to 599")
	case o.delay < 0:
		return errors.New("--delay must not be negative")
	case o.maxBody < 1:
		return errors.New("--max-body must be at least 1")
	}
	for _, secret := range o.secrets {
		// One of Standard Webhooks is tried on a request without anything: what is wrong then is the secret or the rest.
		standard := signing.VerifyStandard(nil, nil, time.Time{}, 0, secret)
		if err := signing.CheckSecret(secret); err != nil && errors.Is(standard, signing.ErrSecret) {
			return fmt.Errorf("--secret: %w", err)
		}
	}
	return nil
}

// serve answers requests until ctx ends; then it takes no new ones and finishes those in work.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, delay time.Duration) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout + delay,               // while it waits, the server reads on to notice a sender that hangs up
		WriteTimeout:      readTimeout + delay + time.Second, // counts from the end of the header
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10, // ample: the router sends about a dozen short headers
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stopCtx); err != nil {
		return errors.Join(fmt.Errorf("stop: %w", err), server.Close())
	}
	return nil
}
