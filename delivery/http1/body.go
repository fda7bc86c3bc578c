package http1

import (
	"io"
)

// body is an answer's. It has the connection until its end.
type body struct {
	content io.Reader
	conn    *conn
	stop    func() bool
	err     error // with which it ended; io.EOF where it was read whole
}

// Read reads on. The connection is free for others as soon as the last byte was read.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.content.Read(p)
	if err != nil {
		b.finish(err)
	}
	return n, err //nolint:wrapcheck // readers compare it with io.EOF
}

// Close gives up what was not read. Failure policy: the connection is closed with it, because nobody knows how much would have to be read.
func (b *body) Close() error {
	if b.err == nil {
		b.finish(errClosed)
	}
	return nil
}

func (b *body) finish(err error) {
	b.err = err
	b.conn.broken = b.conn.broken || err != io.EOF //nolint:errorlint // net/http's bodies end with exactly that
	b.conn.end(b.stop)
	b.conn, b.content = nil, nil
}
