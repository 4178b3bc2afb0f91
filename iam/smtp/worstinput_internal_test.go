package smtp

import (
	"bufio"
	"io"
	"runtime"
	"strings"
	"testing"
)

// A server that never stops talking, and a sender of a mebibyte, take no more memory than a reply has room for. It is not
// parallel: the allocations of other tests would count.
func TestWorstInputs(t *testing.T) {
	const mebibyte = 1 << 20
	reply := func(text string) func() error {
		from := bufio.NewReaderSize(strings.NewReader(text), maxLine)
		return func() error {
			answer, err := readReply(from)
			if err == nil {
				_ = answer.show(newScrubber("user", "hunter2 hunter2"))
				return io.EOF // it ended
			}
			return err
		}
	}
	long := strings.Repeat("x", mebibyte)
	for _, tt := range []struct {
		name string
		call func() error
	}{
		{"a line without end", reply("250-" + long)},
		{"lines without end", reply(strings.Repeat("250-a\r\n", mebibyte/7))},
		{"long lines without end", reply(strings.Repeat("250-"+strings.Repeat("x", maxLine-10)+"\r\n", 500))},
		{"what is a secret all over", reply(strings.Repeat("250-"+strings.Repeat("hunter2 hunter2 ", 120)+"\r\n", 99) + "250 x\r\n")},
		{"bytes that are none of SMTP", reply(strings.Repeat("\xff", mebibyte))},
		{"a sender of a mebibyte", func() error {
			if _, ok := parseSender(long + " <a@b.example>"); ok {
				return nil
			}
			return io.EOF
		}},
		{"a sender of angles", func() error {
			if _, ok := parseSender(strings.Repeat("<", maxHeader-1) + ">"); ok {
				return nil
			}
			return io.EOF
		}},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := tt.call()
		runtime.ReadMemStats(&after)
		got := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-30s %9d", tt.name, got)
		if got > 4<<20 {
			t.Errorf("%s took %d bytes", tt.name, got)
		}
		if err == nil {
			t.Errorf("%s is taken", tt.name)
		}
	}
}
