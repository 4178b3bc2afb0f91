package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// Everybody answers the stream and the reverse questions by the matrix, and then sees a revoke: at once, but for
// those that keep answers.
func TestEverybodyAnswersByTheMatrix(t *testing.T) {
	t.Parallel()
	w := worldOf(t, 2)
	n := 1000
	if testing.Short() {
		n = 200
	}
	s := newStream(w, n, 10)
	stale := []string{"Casbin, CachedEnforcer", "OpenFGA, check cache"}
	for _, e := range entries() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			p := playerOf(t, e, w, s)
			checked, err := p.check(t.Context(), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			want := n + 20
			if e.class == part {
				want = n
			}
			if checked != want {
				t.Errorf("checked %d answers, want %d", checked, want)
			}
			own, err := p.own(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if asked := own.N; asked != 0 && !strings.HasPrefix(e.name, "Casbin") || asked != 1 && strings.HasPrefix(e.name, "Casbin") {
				t.Errorf("its own call for who can was asked %d questions", asked)
			}
			v, err := p.revoke(t.Context(), 20*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if v.Can == (e.class == part || e.perRequest) {
				t.Errorf("whether it can revoke: %t", v.Can)
			}
			if keeps := slices.Contains(stale, e.name); v.Can && (v.Stale > 0) != keeps {
				t.Errorf("after a revoke: %s; whether it keeps answers: %t", v, keeps)
			}
			if knows := e.knows.String(); len([]rune(knows)) != 6 {
				t.Errorf("it knows %q", knows)
			}
		})
	}
}

func TestTheMedianIsInTheMiddle(t *testing.T) {
	t.Parallel()
	if got := median([]float64{9, 1, 2, 80, 3}); got != 3 {
		t.Errorf("got %v", got)
	}
}

// Each kind of turn is taken by somebody, and its figures are figures.
func TestTurnsMeasure(t *testing.T) {
	t.Parallel()
	w := worldOf(t, 1)
	p := playerOf(t, byHandEntries()[0], w, newStream(w, 100, 5))
	if r, err := p.turn(t.Context(), order{Do: "check"}); err != nil || r.Checked != 110 {
		t.Errorf("check: got %d, %v", r.Checked, err)
	}
	for _, do := range []string{"decide", "parallel", "which", "who"} {
		r, err := p.turn(t.Context(), order{Do: do, Nanos: int64(time.Millisecond)})
		if err != nil || r.Figure.Nanos <= 0 || r.Figure.N < 1 {
			t.Errorf("%s: got %+v, %v", do, r.Figure, err)
		}
	}
	if _, err := p.turn(t.Context(), order{Do: "dance"}); err == nil {
		t.Error("a turn that does not exist was taken")
	}
}

// liar answers one request wrongly.
type liar struct {
	*twoMaps
	lie *request
}

func (l *liar) can(ctx context.Context, r *request) (bool, error) {
	may, err := l.twoMaps.can(ctx, r)
	return may != (*r == *l.lie), err
}

// A contestant with one wrong answer in the stream is found out, by the check and by each turn.
func TestAWrongAnswerFails(t *testing.T) {
	t.Parallel()
	w := worldOf(t, 1)
	s := newStream(w, 100, 5)
	honest := playerOf(t, byHandEntries()[0], w, s)
	l := &liar{twoMaps: honest.contestant.(*twoMaps), lie: &s.requests[77]}
	p := &player{entry: entry{name: "liar"}, contestant: l, world: w, stream: s, want: honest.want, lister: &loop{l, w}}
	if n, err := p.check(t.Context(), time.Minute); err == nil || n != 77 || !strings.Contains(err.Error(), s.requests[77].account) {
		t.Errorf("checked %d answers, got the error %v", n, err)
	}
	for _, do := range []string{"decide", "parallel"} {
		if _, err := p.turn(t.Context(), order{Do: do, Nanos: int64(5 * time.Millisecond)}); err == nil {
			t.Errorf("%s did not notice", do)
		}
	}
	p.contestant, p.lister = honest.contestant, shortener{honest.lister}
	for _, do := range []string{"check", "which", "who"} {
		if _, err := p.turn(t.Context(), order{Do: do, Nanos: int64(50 * time.Millisecond)}); err == nil {
			t.Errorf("%s did not notice that a list is short", do)
		}
	}
}

// forgetful has a call of its own, which puts a wrong account into its lists.
type forgetful struct {
	*twoMaps
	list   lister
	forget bool
}

func (f *forgetful) whoOfAll(ctx context.Context, ask *whoAsk) ([]string, error) {
	all, err := f.list.who(ctx, ask)
	if f.forget {
		all[0] = "nobody"
	}
	return all, err
}

// What a call of one's own answers is compared too: a list that is as long as it should be is not enough.
func TestAnOwnCallIsHeldAgainstTheMatrix(t *testing.T) {
	t.Parallel()
	w := worldOf(t, 1)
	p := playerOf(t, byHandEntries()[0], w, newStream(w, 100, 5))
	f := &forgetful{twoMaps: p.contestant.(*twoMaps), list: p.lister}
	asking := &player{entry: entry{name: "forgetful"}, contestant: f, world: w, stream: p.stream}
	if r, err := asking.turn(t.Context(), order{Do: "own", Nanos: int64(time.Hour)}); err != nil || r.Figure.N != ownQuestions || r.Figure.Nanos <= 0 {
		t.Errorf("got %+v, %v, want %d questions", r.Figure, err, ownQuestions)
	}
	f.forget = true
	if _, err := asking.turn(t.Context(), order{Do: "own"}); err == nil || len(err.Error()) > 200 || !strings.Contains(err.Error(), p.stream.who[0].want[0]+" is missing") {
		t.Errorf("want an error that names the account that is missing, and not all of them: got %v", err)
	}
}

func TestTheFirstDifferenceIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		got, want []string
		text      string
	}{
		{[]string{"a"}, []string{"a", "b"}, "b is missing"},
		{[]string{"b"}, []string{"a", "b"}, "a is missing"},
		{nil, []string{"a"}, "a is missing"},
		{[]string{"a", "b", "c"}, []string{"a", "c"}, "b should not be there"},
		{[]string{"a", "b"}, []string{"a"}, "b should not be there"},
		{[]string{"a", "a"}, []string{"a"}, "a should not be there"},
	} {
		if got := firstDifference(tt.got, tt.want); got != tt.text {
			t.Errorf("%v, want %v: got %q", tt.got, tt.want, got)
		}
	}
}

// shortener loses the last of each list.
type shortener struct{ lister }

func (s shortener) which(ctx context.Context, ask *whichAsk) ([]string, error) {
	all, err := s.lister.which(ctx, ask)
	return all[:max(0, len(all)-1)], err
}

func (s shortener) who(ctx context.Context, ask *whoAsk) ([]string, error) {
	all, err := s.lister.who(ctx, ask)
	return all[:max(0, len(all)-1)], err
}

func playerOf(t testing.TB, e entry, w *world, s *stream) *player {
	t.Helper()
	p, err := newPlayer(t.Context(), e, w, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}
