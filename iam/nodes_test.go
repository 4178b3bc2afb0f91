package iam_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// revokedEnv is how many accounts TestNodes revokes on each database.
const revokedEnv = "CASTELLAN_NODES"

// SB-38, SB-44: several processes on one database, while accounts are disabled in this one. Nodes are killed, and
// others come; one is cut off from the database, and comes back; those who listen are interrupted; clocks are an
// hour apart. Nobody is let in when MaxStaleness has passed since the change was committed, whatever happens,
// and every node notices every change.
func TestNodes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		f := newFleet(w)
		steady, fast := f.start("steady", 0), f.start("an hour ahead", time.Hour)
		doomed, slow := f.start("doomed", 0), f.start("an hour behind", -time.Hour)
		all := []*nodeProcess{steady, fast, slow}

		f.revoke(0.3, append(all, doomed)...)
		_ = doomed.kill()
		f.revoke(0.1, all...)
		all = append(all, f.start("late", 0))
		f.revoke(0.2, all...)
		f.interrupt()
		f.revoke(0.1, all...)
		f.cutOneOff(all...)
		f.revoke(1, all...)

		f.report(all...)
	})
}

// fleet are some nodes, and the accounts that they are asked about.
type fleet struct {
	*org
	params    nodeParams
	accounts  []policy.AccountID // not revoked yet
	total     int
	committed map[policy.AccountID]time.Time
	noticed   []time.Duration // how long after a commit a node denied for the first time
	letIn     []time.Duration // how long after a commit a node that was not cut off let somebody in for the last time
}

func newFleet(w *world) *fleet {
	w.Helper()
	total := 60
	if text := os.Getenv(revokedEnv); text != "" {
		total = must(strconv.Atoi(text))(w)
	}
	f := &fleet{org: w.organization(emqx.System()), total: total, committed: map[policy.AccountID]time.Time{}}
	for range total {
		f.accounts = append(f.accounts, f.account(emqx.Administrator))
	}
	f.params = nodeParams{
		Database: w.db.Name(), DSN: w.dsn(), Bound: 2 * time.Second, Org: f.id, Accounts: slices.Clone(f.accounts),
	}
	return f
}

func (f *fleet) start(name string, clock time.Duration) *nodeProcess {
	f.Helper()
	p := f.params
	p.Clock = clock
	return f.startNode(name, p)
}

// disable takes an account's permissions away, in this process, and tells those who listen.
func (f *fleet) disable() policy.AccountID {
	f.Helper()
	id := f.accounts[0]
	f.accounts = f.accounts[1:]
	disabled := must(f.system().Disable(f.Context(), id))(f)
	f.committed[id] = time.Now()
	f.ok(store.New(f.db).Announce(f.Context(), f.id, f.revision()))
	return disabled.ID
}

// revoke disables a share of all accounts, one behind the other, and waits each time until the nodes have noticed.
func (f *fleet) revoke(share float64, nodes ...*nodeProcess) {
	f.Helper()
	n := min(int(math.Ceil(share*float64(f.total))), len(f.accounts))
	for range n {
		id := f.disable()
		for _, node := range nodes {
			line := node.await(f.world, func(line nodeLine) bool { return line.Denied == id })
			f.noticed = append(f.noticed, line.At.Sub(f.committed[id]))
		}
	}
}

// interrupt ends the connections on which the nodes listen.
func (f *fleet) interrupt() {
	f.Helper()
	if f.db.Name() != testdb.Postgres {
		return
	}
	const end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = ? AND pid IN (SELECT pid FROM pg_locks) OR query = ?"
	listens := `LISTEN "` + store.Channel + `"`
	f.ok(f.db.Exec(end, listens, listens).Error)
}

const cutOff = "cut off"

// cutOneOff takes the database away from a node of its own, which then denies everything when its time has come, and
// notices what has changed meanwhile when the database is back.
func (f *fleet) cutOneOff(others ...*nodeProcess) {
	f.Helper()
	dsn, wire, err := wired(f.world, f.params.DSN)
	if err != nil {
		f.Logf("no node is cut off: %v", err)
		return
	}
	p := f.params
	p.DSN = dsn
	node := f.startNode(cutOff, p)
	wire.setCut(true)
	f.revoke(0.1, others...)
	node.await(f.world, func(line nodeLine) bool { return line.Unknown })
	last := f.disable()
	wire.setCut(false)
	for _, n := range append(others, node) {
		n.await(f.world, func(line nodeLine) bool { return line.Denied == last })
	}
	f.check(node)
}

// check ends a node, and wants it to have let nobody in beyond the bound. It returns how often it was asked.
func (f *fleet) check(node *nodeProcess) int {
	f.Helper()
	seen := node.finish(f.world)
	for id, at := range seen.Allowed {
		committed, revoked := f.committed[id]
		if !revoked {
			continue
		}
		if node.name != cutOff {
			f.letIn = append(f.letIn, max(0, at.Sub(committed)))
		}
		if at.Sub(committed) > f.params.Bound {
			f.Errorf("%s let %s in %v after it was disabled, and may for %v", node.name, id, at.Sub(committed), f.params.Bound)
		}
	}
	return seen.Asked
}

func (f *fleet) report(nodes ...*nodeProcess) {
	f.Helper()
	asked := 0
	for _, node := range nodes {
		asked += f.check(node)
	}
	f.Logf("%d accounts disabled; let in for %s after the commit; denied first after %s; %d questions answered, none let in beyond %v",
		len(f.committed), spread(f.letIn), spread(f.noticed), asked, f.params.Bound)
}

// spread says the median, the 99th percentile and the greatest of some times.
func spread(times []time.Duration) string {
	slices.Sort(times)
	at := func(share float64) time.Duration {
		return times[int(share*float64(len(times)-1))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%v, p99 %v, at most %v (%d times)", at(0.5), at(0.99), at(1), len(times))
}
