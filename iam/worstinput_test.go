package iam_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
)

// allocated is how many bytes a call takes from the heap, those that it gives back included.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const mebibyte = 1 << 20

// What is read from others takes memory in proportion to its size, and next to none where it is too long to be
// anything. It is not parallel: the allocations of other tests would count.
func TestWorstInputs(t *testing.T) {
	svc := must(iam.New(away{}, emqx.System(), iam.Config{BaseURL: "https://console.example.com"}))(t)
	imports := func(list string) func() error {
		return func() error {
			_, err := svc.System("test").In("acme").ImportInvitations(t.Context(), strings.NewReader(list), iam.ImportParams{})
			return err
		}
	}
	email := func(text string) func() error {
		return func() error {
			_, err := iam.ParseEmailUTF8(text)
			return errors.Join(err, second(iam.ParseEmail(text)))
		}
	}
	token := func(text string) func() error {
		return func() error {
			if id, key := iam.ParseAPIKey(iam.NewSecret("id." + text)); iam.ParseToken(text).IsZero() && id == "" && key.IsZero() {
				return iam.ErrInvalid
			}
			return nil
		}
	}
	checkpoint := func(text string) func() error {
		return func() error { return second(iam.ParseCheckpoint(text)) }
	}
	export := func(text string) func() error {
		return func() error { return second(iam.VerifyExport(strings.NewReader(text), nil, iam.Checkpoint{})) }
	}
	open := func(text string) func() error {
		return func() error { return second(iam.Keys{{ID: "k", Secret: [32]byte{1}}}.Open("use", text)) }
	}
	long := strings.Repeat("x", mebibyte)
	for _, tt := range []struct {
		name  string
		size  int
		call  func() error
		most  float64 // bytes for each byte
		fixed uint64  // bytes beside them
	}{
		{"an address of a mebibyte", mebibyte, email(long + "@example.com"), 0, 8 << 10},
		{"an address of many @", mebibyte, email(strings.Repeat("@", mebibyte)), 0, 8 << 10},
		{"a local part that compatibility makes 18 times as long", 1000, email(strings.Repeat("\ufdfa", 330) + "@example.com"), 0, 64 << 10},
		{"a domain that compatibility makes 18 times as long", 1000, email("a@" + strings.Repeat("\ufdfa", 330) + ".com"), 0, 64 << 10},
		{"marks without end on one letter", 1000, email("a@a" + strings.Repeat("\u0323\u0301", 250) + ".com"), 0, 2 << 20},
		{"letters that are taken apart", 1000, email("a@" + strings.Repeat("\u1f82", 330) + ".com"), 0, 2 << 20},
		{"labels without end", 1000, email("a@" + strings.Repeat("é.", 330) + "com"), 0, 1 << 20},
		{"Punycode that asks for much", 1000, email("a@xn--" + strings.Repeat("9", 980) + ".com"), 0, 256 << 10},

		{"a token of a mebibyte", mebibyte, token(long), 2, 16 << 10},
		{"a token in a mebibyte of line breaks", mebibyte, token(strings.Repeat("A", 43) + strings.Repeat("\n", mebibyte)), 2, 16 << 10},
		{"an id of a mebibyte", mebibyte, token(long + "." + strings.Repeat("A", 43)), 2, 16 << 10},

		{"a checkpoint of a mebibyte", mebibyte, checkpoint("1 1.1 " + long + " acme"), 8, 8 << 10},
		{"a checkpoint of blanks", mebibyte, checkpoint(strings.Repeat(" ", mebibyte)), 8, 8 << 10},
		{"a checkpoint with a long number", mebibyte, checkpoint(strings.Repeat("9", mebibyte) + " 1.1 00 acme"), 8, 8 << 10},

		{"JSON of a mebibyte of brackets", mebibyte, export(strings.Repeat("[", mebibyte)), 8, 1 << 20},
		{"JSON with brackets inside", mebibyte, export(`{"changes":` + strings.Repeat(`[`, 9000)), 8, 1 << 20},
		{"JSON with a long number", mebibyte, export(`{"revision":` + strings.Repeat("9", mebibyte) + "}"), 16, 1 << 20},
		{"JSON of many changes", mebibyte, export(`{"changes":[` + strings.Repeat("{},", mebibyte/3) + "{}]}"), 256, 1 << 20},
		{"JSON of one change of escapes", mebibyte, export(`{"org":"` + strings.Repeat(`\u2028`, mebibyte/6) + `"}`), 32, 1 << 20},

		{"a mebibyte that is sealed", mebibyte, open("k." + long), 8, 8 << 10},

		{"a list of commas", mebibyte, imports("email,roles\n" + strings.Repeat(",", mebibyte)), 0, 12 << 20},
		{"a list of quotes", mebibyte, imports("email,roles\n" + strings.Repeat(`"`, mebibyte)), 0, 2 << 20},
		{"a list of a quote that never ends", mebibyte, imports("email,roles\n\"" + long), 0, 2 << 20},
		{"a list of quoted line breaks", mebibyte, imports("email,roles\n\"" + strings.Repeat("\n", mebibyte)), 0, 2 << 20},
		{"a list of columns", mebibyte, imports(strings.Repeat("email,", mebibyte/6)), 0, 12 << 20},
		{"a list with a column of a mebibyte", mebibyte, imports(long), 0, 2 << 20},
		{"a list of roles", mebibyte, imports("email,roles\n" + strings.Repeat("a,"+strings.Repeat("r ", 30000)+"\n", 17)), 8, 1 << 20},
		{"a list of many roles in many projects", mebibyte, imports("email,roles,projects\n" +
			strings.Repeat("a,"+strings.Repeat("project_user ", 100)+","+strings.Repeat("p ", 30000)+"\n", 17)), 8, 2 << 20},
		{"a list of lines with nothing", mebibyte, imports("email,roles\n" + strings.Repeat(",\n", mebibyte/2)), 16, 1 << 20},
	} {
		var err error
		got := allocated(func() { err = tt.call() })
		if most := uint64(tt.most*float64(tt.size)) + tt.fixed; got > most {
			t.Errorf("%s: took %d bytes: want %d at most", tt.name, got, most)
		}
		if err == nil {
			t.Errorf("%s is taken", tt.name)
		}
		if n := len(errorText(err)); n > 4096 {
			t.Errorf("%s: the error has %d bytes", tt.name, n)
		}
		t.Logf("%-60s %9d", tt.name, got)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
