// Peers measures Castellan beside what else a Go program can decide with: one world, one stream of requests, one run,
// and every answer held against the vendor's matrix.
//
//	go run .                  everybody, 100,000 accounts: the table, and chart.svg; less than ten minutes
//	go run . -readme README.md    writes the table there too
//	go run . -quick           4,000 accounts, in less than a minute
//	go run . -only cedar      one of them, beside what one would write by hand
//
// README.md says what the figures mean, and to whom they are unfair.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := start(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1)
	}
}

// start plays a contestant when this is its process, and is the parent otherwise.
func start(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) error {
	if name := os.Getenv(workerEnv); name != "" {
		return work(ctx, name, in, out)
	}
	return run(ctx, args, out, progress)
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(progress)
	quick := flags.Bool("quick", false, "4,000 accounts and short turns")
	only := flags.String("only", "", "play only those whose name contains this, beside what is by hand")
	chart := flags.String("chart", "chart.svg", "where the chart is written; empty for none")
	readme := flags.String("readme", "", "a file whose part between the marks is replaced by the table; empty for none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p := fullPlan()
	if *quick {
		p = quickPlan()
	}
	p.only = *only
	here, began := machine(), time.Now()
	results, err := play(ctx, p, progress)
	if err != nil {
		return err
	}
	report := reportOf(p, here, time.Since(began), results)
	if _, err := io.WriteString(out, report.text()); err != nil {
		return err
	}
	if *chart != "" {
		if err := os.WriteFile(*chart, []byte(chartOf(results, report.world)), 0o644); err != nil {
			return err
		}
	}
	if *readme == "" {
		return nil
	}
	before, err := os.ReadFile(*readme)
	if err != nil {
		return err
	}
	after, err := replace(string(before), report.markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", *readme, err)
	}
	return os.WriteFile(*readme, []byte(after), 0o644)
}
