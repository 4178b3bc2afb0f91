package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"
)

// workerEnv names the contestant that a process plays for its parent.
const workerEnv = "CASTELLAN_PEERS_WORKER"

// Each contestant is loaded into a process of its own, which waits for its turns: no contestant's heap is in the way
// of another's garbage collector, and yet the turns are interleaved. The processes talk in lines of JSON.

// order is what the parent asks for.
type order struct {
	Do    string // load, check, decide, parallel, which, who, own or revoke
	Orgs  int    // of load
	Nanos int64  // how long a turn takes at least; the limit of check and revoke
}

// reply is what came of it.
type reply struct {
	Error      string
	Figure     figure
	Load       time.Duration
	Heap       int64
	Checked    int
	Visibility visibility
}

// work plays a contestant until the input ends.
func work(ctx context.Context, name string, in io.Reader, out io.Writer) (err error) {
	all := entries()
	i := slices.IndexFunc(all, func(e entry) bool { return e.name == name })
	if i < 0 {
		return fmt.Errorf("there is no contestant %q", name)
	}
	var p *player
	defer func() {
		if p != nil {
			err = closing(p.contestant, err)
		}
	}()
	encoder, decoder := json.NewEncoder(out), json.NewDecoder(in)
	for {
		var o order
		if err := decoder.Decode(&o); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var r reply
		var failed error
		if o.Do == "load" {
			p, failed = loadPlayer(ctx, all[i], o.Orgs)
			if failed == nil {
				r.Load, r.Heap = p.load, p.heap
			}
		} else {
			r, failed = p.turn(ctx, o)
		}
		if failed != nil {
			r.Error = failed.Error()
		}
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
}

func loadPlayer(ctx context.Context, e entry, orgs int) (*player, error) {
	w, err := newWorld(orgs)
	if err != nil {
		return nil, err
	}
	return newPlayer(ctx, e, w, newStream(w, fullRequests, fullQuestions))
}

// turn does what an order says.
func (p *player) turn(ctx context.Context, o order) (r reply, err error) {
	d := time.Duration(o.Nanos)
	switch o.Do {
	case "check":
		r.Checked, err = p.check(ctx, d)
	case "decide":
		r.Figure, err = p.decide(ctx, d)
	case "parallel":
		r.Figure, err = p.parallel(ctx, d)
	case "which":
		r.Figure, err = p.lists(ctx, d, p.askWhich)
	case "who":
		r.Figure, err = p.lists(ctx, d, p.askWho)
	case "own":
		r.Figure, err = p.own(ctx, d)
	case "revoke":
		r.Visibility, err = p.revoke(ctx, d)
	default:
		err = fmt.Errorf("there is no turn %q", o.Do)
	}
	return r, err
}

// seat is a contestant's process, as its parent sees it.
type seat struct {
	entry
	command *exec.Cmd
	in      io.WriteCloser
	encoder *json.Encoder
	decoder *json.Decoder
}

// newSeat starts this program once more for the contestant.
func newSeat(ctx context.Context, e entry) (*seat, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), workerEnv+"="+e.name)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return &seat{entry: e, command: command, in: in, encoder: json.NewEncoder(in), decoder: json.NewDecoder(out)}, nil
}

// do gives an order and waits for its end.
func (s *seat) do(o order) (r reply, err error) {
	if err := s.encoder.Encode(o); err != nil {
		return r, fmt.Errorf("%s: %w", s.name, err)
	}
	if err := s.decoder.Decode(&r); err != nil {
		return r, fmt.Errorf("%s: its process ended: %w", s.name, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// leave ends the process, which removes what it made.
func (s *seat) leave() error { return errors.Join(s.in.Close(), s.command.Wait()) }
