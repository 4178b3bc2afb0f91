// Command backend is a small IoT backend that embeds Castellan: projects and deployments in its own
// tables, every handler guarded, lists narrowed in SQL, and a page whose buttons follow from what
// the viewer may do. The README beside it has a session to try.
//
//	go run ./examples/backend                                   # SQLite, castellan-backend.db
//	go run ./examples/backend -dsn postgres://localhost/castellan
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "the address of this machine to listen on")
	path := flag.String("db", "castellan-backend.db", "the SQLite file, made when it is not there")
	dsn := flag.String("dsn", "", "a PostgreSQL database to use in place of the file: postgres://…")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *addr, *path, *dsn); err != nil {
		fmt.Fprintln(os.Stderr, "backend:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, addr, path, dsn string) error {
	db, err := open(path, dsn)
	if err != nil {
		return err
	}
	connections, err := db.DB()
	if err != nil {
		return err
	}
	defer connections.Close()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	base := "http://" + listener.Addr().String()
	a, err := newApp(ctx, db, base, slog.Default())
	if err == nil {
		err = a.seed(ctx)
	}
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if dsn != "" {
		path = "PostgreSQL"
	}
	fmt.Fprintf(out, "The demo listens on %s and keeps its rows in %s.\n", base, path)
	if err := a.guide(out, base); err != nil {
		return errors.Join(err, listener.Close())
	}
	return serve(ctx, listener, a.handler())
}

func open(path, dsn string) (*gorm.DB, error) {
	if dsn != "" {
		return gorm.Open(postgres.Open(dsn), &gorm.Config{})
	}
	return sqlite.Open(path)
}

// newApp makes the tables of both, and the backend on them, which people reach at base.
func newApp(ctx context.Context, db *gorm.DB, base string, logger *slog.Logger) (*app, error) {
	if err := store.Migrate(ctx, db); err != nil {
		return nil, err
	}
	a := &app{store: store.New(db), tables: tables{db}}
	if err := a.tables.migrate(ctx); err != nil {
		return nil, err
	}
	var err error
	if a.svc, err = iam.New(a.store, emqx.System(), iam.Config{BaseURL: base}); err != nil {
		return nil, err
	}
	if a.in, err = signin.New(a.svc, signin.Config{}); err != nil {
		return nil, err
	}
	if a.door, err = newDoor(a.in, a.svc, signinhttp.Config{Guard: iamhttp.Config{Logger: logger}}); err != nil {
		return nil, err
	}
	a.guard = iamhttp.New(a.svc, nil, iamhttp.Config{Subject: a.door.Subject, Logger: logger})
	return a, nil
}

// serve answers requests until ctx ends, and then lets those finish that have begun.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return cmp.Or(err, errors.New("the server stopped by itself"))
	}
	return <-stopped
}
