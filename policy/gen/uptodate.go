package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// upToDate returns an error with the differing lines when the file is not what is wanted.
func upToDate(file string, want []byte) error {
	have, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: missing, run go generate", file)
	} else if err != nil {
		return err
	}
	if bytes.Equal(have, want) {
		return nil
	}
	before, after := strings.Split(string(have), "\n"), strings.Split(string(want), "\n")
	first := 0
	for first < len(before) && first < len(after) && before[first] == after[first] {
		first++
	}
	diff := append(marked("-", before, after), marked("+", after, before)...)
	const most = 20
	if len(diff) > most {
		diff = append(diff[:most], fmt.Sprintf("… and %d more lines", len(diff)-most))
	}
	if len(diff) == 0 {
		diff = []string{"the same lines in another order"}
	}
	return fmt.Errorf("%s:%d: not up to date, run go generate:\n%s", file, first+1, strings.Join(diff, "\n"))
}

// marked returns the lines that the other text does not have.
func marked(mark string, lines, other []string) []string {
	var only []string
	for _, line := range lines {
		if !slices.Contains(other, line) {
			only = append(only, mark+line)
		}
	}
	return only
}
