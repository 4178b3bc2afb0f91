package main

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is for a test that would otherwise wait for ever for what never comes.
const patience = time.Minute

// stopAfter is an output that ends a context when the guide has been written to it.
type stopAfter struct {
	text string
	stop context.CancelFunc
}

func (s *stopAfter) Write(p []byte) (int, error) {
	s.text += string(p)
	if strings.HasSuffix(s.text, "/projects/plant\n") {
		s.stop()
	}
	return len(p), nil
}

func TestASecondStartFindsTheSamePeople(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "backend.db")
	start := func() string {
		deadline, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ctx, stop := context.WithCancel(deadline)
		defer stop()
		out, ran := &stopAfter{stop: stop}, make(chan error, 1)
		go func() { ran <- run(ctx, out, "127.0.0.1:0", path, "") }()
		if err := await(t, deadline, ran); err != nil {
			t.Fatal(err)
		}
		_, people, _ := strings.Cut(out.text, "Who there is")
		people, _, _ = strings.Cut(people, "Try:")
		return people
	}
	first, second := start(), start()
	if first != second || strings.Count(first, "@acme.example ") != 6 || strings.Count(first, "@globex.example ") != 2 {
		t.Errorf("the first start prints\n%s\nthe second\n%s", first, second)
	}
}

func TestServeLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	deadline, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx, stop := context.WithCancel(deadline)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(deadline, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun, release := make(chan struct{}), make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			select {
			case <-release:
			case <-deadline.Done():
			}
			_, _ = w.Write([]byte("done"))
		}))
	}()
	answered := make(chan string, 1)
	go func() {
		request, err := http.NewRequestWithContext(deadline, "GET", "http://"+listener.Addr().String(), nil)
		if err != nil {
			answered <- err.Error()
			return
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		answered <- bodyOfResponse(response)
	}()
	await(t, deadline, begun)
	stop()
	for { // the listener closes first: then the shutdown has begun, and the request is still there
		connection, err := new(net.Dialer).DialContext(deadline, "tcp", listener.Addr().String())
		if err != nil {
			break
		}
		connection.Close()
	}
	close(release)
	if got := await(t, deadline, answered); got != "done" {
		t.Errorf("the request that had begun: got %q, want done", got)
	}
	if err := await(t, deadline, served); err != nil {
		t.Errorf("serve: %v", err)
	}
}

// await receives, unless the deadline comes first.
func await[T any](t *testing.T, deadline context.Context, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-deadline.Done():
		t.Fatal("waited in vain:", deadline.Err())
	}
	return v
}
