package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain plays a contestant when a test has started this program as one.
func TestMain(m *testing.M) {
	if name := os.Getenv(workerEnv); name != "" {
		if err := work(context.Background(), name, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "peers:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m,
		// GORM never ends the cleaner of its cache of prepared statements.
		goleak.IgnoreTopFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"))
}

// The whole program, in processes as it is used: the table, the chart, the README, and nothing left in the
// directory for temporary files.
func TestTheProgramPlays(t *testing.T) {
	dir := t.TempDir()
	temporary := filepath.Join(dir, "tmp")
	if err := os.Mkdir(temporary, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temporary)
	readme, chart := filepath.Join(dir, "README.md"), filepath.Join(dir, "chart.svg")
	if err := os.WriteFile(readme, []byte("before\n"+begin+"old\n"+finish+"\nbehind\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	args := []string{"-quick", "-only", "Subject", "-chart", chart, "-readme", readme}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{handName, handStructName, "Castellan, Subject at hand", hotName, "Castellan, Subject from SQLite", "4000 accounts in 4 organizations"} {
		for name, text := range map[string]string{"the table": out.String(), "README.md": fileOf(t, readme)} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", name, want, text)
			}
		}
	}
	if text := fileOf(t, readme); !strings.HasPrefix(text, "before\n") || !strings.HasSuffix(text, "\nbehind\n") || strings.Contains(text, "old") {
		t.Errorf("README.md is changed outside of its marks, or not inside:\n%s", text)
	}
	if !strings.Contains(fileOf(t, chart), hotName) {
		t.Error("the chart lacks a contestant")
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAnUnknownContestantEndsItsProcess(t *testing.T) {
	t.Parallel()
	s, err := newSeat(t.Context(), entry{name: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.do(order{Do: "load", Orgs: 1}); err == nil {
		t.Error("a contestant that does not exist was loaded")
	}
	if err := s.leave(); err == nil {
		t.Error("its process ended well")
	}
}

func TestAReadmeWithoutMarksIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "text\n" + begin, "text\n" + finish} {
		if got, err := replace(text, "part"); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func fileOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
