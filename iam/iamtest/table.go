package iamtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// table writes who gets through where. The people have numbers, explained above: their names would make it too wide to
// be read, and a new one would change every line.
func table(routes []Route, people []string, rows [][]string) string {
	widest := 0
	for _, rt := range routes {
		widest = max(widest, utf8.RuneCountInString(rt.Pattern))
	}
	var b strings.Builder
	for i, name := range people {
		fmt.Fprintf(&b, "%2d %s\n", i+1, name)
	}
	b.WriteString("\n" + strings.Repeat(" ", widest))
	for i := range people {
		fmt.Fprintf(&b, "  %-3d", i+1)
	}
	trim(&b)
	for i, rt := range routes {
		b.WriteString(padded(rt.Pattern, widest))
		for _, cell := range rows[i] {
			b.WriteString("  " + padded(cell, 3))
		}
		trim(&b)
	}
	b.WriteString("\n✓ gets through   401 must sign in   403 may not   404 is told of nothing\n")
	return b.String()
}

// padded fills a text up with blanks: fmt counts bytes.
func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// trim ends a line without blanks.
func trim(b *strings.Builder) {
	line := strings.TrimRight(b.String(), " ")
	b.Reset()
	b.WriteString(line + "\n")
}

// golden compares the table with its file, or writes it.
func golden(tb testing.TB, config MatrixConfig, got string) {
	tb.Helper()
	if config.Golden == "" {
		return
	}
	if config.Update {
		if err := os.MkdirAll(filepath.Dir(config.Golden), 0o755); err != nil {
			tb.Fatalf("iamtest: %v", err)
		}
		if err := os.WriteFile(config.Golden, []byte(got), 0o644); err != nil {
			tb.Fatalf("iamtest: %v", err)
		}
		return
	}
	want, err := os.ReadFile(config.Golden)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		tb.Errorf("iamtest: there is no %s: run once with MatrixConfig.Update, and read it\n%s", config.Golden, got)
	case err != nil:
		tb.Fatalf("iamtest: %v", err)
	case !bytes.Equal(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")), []byte(got)):
		tb.Errorf("iamtest: who gets through has changed: run with MatrixConfig.Update when that is right\n%s", difference(string(want), got))
	}
}

// difference are the lines that are in one text alone.
func difference(want, got string) string {
	before, after := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for _, side := range []struct {
		sign         string
		lines, other []string
	}{{"- ", before, after}, {"+ ", after, before}} {
		there := make(map[string]bool)
		for _, line := range side.other {
			there[line] = true
		}
		for _, line := range side.lines {
			if !there[line] {
				b.WriteString(side.sign + line + "\n")
			}
		}
	}
	return b.String()
}
