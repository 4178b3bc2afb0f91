package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// process is a process that this test has started.
type process struct {
	testing.TB
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Scanner
	stderr bytes.Buffer
	killed bool
	lines  int
}

// start starts this binary anew in a role.
func start(tb testing.TB, role string, job any, env ...string) *process {
	tb.Helper()
	p := &process{TB: tb}
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	text, err := json.Marshal(job)
	if err != nil {
		tb.Fatal(err)
	}
	p.cmd = exec.Command(program)
	p.cmd.Env = append(append(os.Environ(), roleEnv+"="+role, jobEnv+"="+string(text)), env...)
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p.stdout = bufio.NewScanner(stdout)
	p.stdout.Buffer(nil, 1<<20)
	return p
}

// next reads a line, and reports whether there was one. What a process said before it died is read to the end.
func (p *process) next(l any) bool {
	p.Helper()
	if !p.stdout.Scan() {
		return false
	}
	p.lines++
	if err := json.Unmarshal(p.stdout.Bytes(), l); err != nil {
		p.Errorf("the process said %q: %v", p.stdout.Bytes(), err)
		return false
	}
	return true
}

// kill kills the process with SIGKILL.
func (p *process) kill() {
	p.killed = true
	_ = p.cmd.Process.Kill() // one that is dead already is what is wanted
}

// end asks the process to come to an end.
func (p *process) end() { _ = p.stdin.Close() }

// wait waits until the process is gone. A process that had trouble fails the test.
func (p *process) wait() {
	p.Helper()
	err := p.cmd.Wait()
	_ = p.stdin.Close()
	switch {
	case p.stderr.Len() > 0:
		p.Errorf("the process said on its standard error, and ended with %v:\n%s", err, p.stderr.String())
	case p.killed && err == nil, !p.killed && err != nil:
		p.Errorf("the process ended with %v (killed: %t)", err, p.killed)
	}
}

// gone waits until a server has noticed that nobody is there any more at the other end of the connections that
// dead processes had: until then it may still be at work for them. The program's own connection asks.
func (w *world) gone(ctx context.Context) {
	w.Helper()
	query := ""
	switch {
	case w.place.isFile():
		return // the kernel closes files, and releases their locks, before anybody is told of the death
	case w.db.Name() == "postgres":
		query = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = '" + w.name + "'"
	default:
		query = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
	}
	for {
		var n int
		if err := w.db.WithContext(ctx).Raw(query).Scan(&n).Error; err != nil {
			w.Fatal(fmt.Errorf("connections of the dead: %w", err))
		}
		if n == 0 {
			return
		}
	}
}
