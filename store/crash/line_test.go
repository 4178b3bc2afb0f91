package crash_test

import (
	"encoding/json"
	"os"
	"sync"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// line is what a process says on its standard output: what it begins, and what it was told is done. A line is
// written by one call of the kernel's, which a reader sees whole or not at all.
type line struct {
	Request string `json:"request"`
	// Done says how the call has ended: "" for a call that begins now.
	Done    ending          `json:"done,omitempty"`
	Act     string          `json:"act"`
	Org     policy.OrgID    `json:"org,omitempty"`
	Must    []iam.EventType `json:"must,omitempty"`
	Touches []string        `json:"touches,omitempty"`
	Facts   facts           `json:"facts,omitempty"`
	Trouble string          `json:"trouble,omitempty"`
}

type ending string

const (
	acknowledged ending = "acknowledged"
	refused      ending = "refused" // too often: nothing has changed
	failed       ending = "failed"
)

// mouth is the standard output of a process.
type mouth struct{ mu sync.Mutex }

func (m *mouth) say(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err = os.Stdout.Write(append(text, '\n'))
	return err
}
