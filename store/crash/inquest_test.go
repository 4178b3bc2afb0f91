package crash_test

import (
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// inquest keeps what the processes have said, and holds the database against it.
type inquest struct {
	*world
	orgs  []policy.OrgID // the oldest first
	begun map[string]line
	ended map[string]ending
	// known are the facts that were acknowledged, of each organisation.
	known map[policy.OrgID]facts
	acts  map[string]int // how often each act was acknowledged

	acknowledged, refused int
	// Of the calls that were in flight: those that are there as a whole, and those of which nothing is.
	whole, absent map[string]bool
}

func newInquest(w *world, orgs []policy.OrgID) *inquest {
	return &inquest{
		world: w, orgs: orgs, begun: map[string]line{}, ended: map[string]ending{}, known: map[policy.OrgID]facts{},
		acts: map[string]int{}, whole: map[string]bool{}, absent: map[string]bool{},
	}
}

// hear takes a line of a process.
func (q *inquest) hear(l line) {
	q.Helper()
	if l.Done == "" {
		q.begun[l.Request] = l
		if l.Act == "CreateOrganization" {
			q.orgs = append(q.orgs, l.Org)
		}
		return
	}
	q.ended[l.Request] = l.Done
	switch l.Done {
	case acknowledged:
		q.acknowledged++
		q.acts[l.Act]++
		known := q.of(l.Org)
		for _, beginning := range q.begun[l.Request].Touches {
			known.drop(beginning)
		}
		maps.Copy(known, l.Facts)
	case refused:
		q.refused++
	default:
		q.Errorf("%s %s: %s", l.Act, l.Request, l.Trouble)
	}
}

func (q *inquest) of(org policy.OrgID) facts {
	if q.known[org] == nil {
		q.known[org] = facts{}
	}
	return q.known[org]
}

// hold holds organisations against what was said about them, when nobody writes any more.
func (q *inquest) hold(h *host, orgs []policy.OrgID) {
	q.Helper()
	for request, l := range q.begun { // what was in flight is not known
		if q.ended[request] == "" {
			for _, beginning := range l.Touches {
				q.of(l.Org).drop(beginning)
			}
		}
	}
	for _, org := range orgs {
		q.holdOne(h, org)
	}
	q.sound(h.db)
}

func (q *inquest) holdOne(h *host, org policy.OrgID) {
	q.Helper()
	var there int64
	q.ok(h.db.Raw("SELECT COUNT(*) FROM iam_organizations WHERE id = ?", org).Scan(&there).Error)
	if there == 0 {
		q.nothing(org)
		return
	}
	system := h.svc.System("inquest").In(org)
	if _, err := system.VerifyEvents(q.Context(), iam.Checkpoint{}); err != nil {
		q.Errorf("%s: the log: %v", org, err)
	}
	events := q.events(h, org)
	q.counted(h, org, events)
	q.calls(org, events)
	rows, err := rowsOf(q.Context(), h.db, org)
	q.ok(err)
	if story := storyOf(events); difference("the events", story, "the rows", rows) != "" {
		q.Errorf("%s: something is half done:\n%s", org, difference("the events", story, "the rows", rows))
	}
	for name, value := range q.of(org) {
		if rows[name] != value {
			q.Errorf("%s: acknowledged was %s = %q, and it is %q", org, name, value, rows[name])
		}
	}
	root := rows["organization/root"]
	if root == "" || rows["account/"+root+"/roles"] != string(emqx.Root) || rows["account/"+root+"/status"] != string(iam.Active) {
		q.Errorf("%s: the root account is %q, with the roles %q", org, root, rows["account/"+root+"/roles"])
	}
}

// nothing wants that nobody was told of an organisation that is not there.
func (q *inquest) nothing(org policy.OrgID) {
	q.Helper()
	for request, l := range q.begun {
		switch {
		case l.Org != org:
		case q.ended[request] == "":
			q.absent[request] = true
		default:
			q.Errorf("%s: %s %s was %s, and the organisation is not there", org, l.Act, request, q.ended[request])
		}
	}
	q.orgs = slices.DeleteFunc(slices.Clone(q.orgs), func(other policy.OrgID) bool { return other == org })
}

func (q *inquest) events(h *host, org policy.OrgID) []iam.Event {
	q.Helper()
	var all []iam.Event
	query := iam.EventQuery{Ascending: true, Limit: 1000}
	for {
		page, err := h.st.Events(q.Context(), org, query)
		q.ok(err)
		if len(page) == 0 {
			return all
		}
		all, query.After = append(all, page...), page[len(page)-1].Position()
	}
}

// counted holds the organisation's row against its log.
func (q *inquest) counted(h *host, org policy.OrgID, events []iam.Event) {
	q.Helper()
	var end struct {
		Revision int64  `gorm:"column:revision"`
		Ordinal  int    `gorm:"column:log_ordinal"`
		Count    int    `gorm:"column:log_count"`
		Head     string `gorm:"column:log_head"`
	}
	q.ok(h.db.Raw("SELECT revision, log_ordinal, log_count, log_head FROM iam_organizations WHERE id = ?", org).Scan(&end).Error)
	last := events[len(events)-1]
	ordinal := 0
	if last.Revision == end.Revision {
		ordinal = last.Ordinal
	}
	if end.Count != len(events) || end.Head != last.Hash || end.Ordinal != ordinal || end.Revision < last.Revision {
		q.Errorf("%s: the row says %+v, and the log ends with event %d at %v, %s", org, end, len(events), last.Position(), last.Hash)
	}
}

// calls wants the events of every call that was acknowledged, and of any other all or none.
func (q *inquest) calls(org policy.OrgID, events []iam.Event) {
	q.Helper()
	wrote := map[string][]iam.EventType{}
	for _, e := range events {
		if e.Outcome == iam.Done {
			wrote[e.Request] = append(wrote[e.Request], e.Type)
		}
	}
	for request, types := range wrote {
		if _, begun := q.begun[request]; !begun && request != "" {
			q.Errorf("%s: nobody has begun %s, and it wrote %v", org, request, types)
		}
	}
	for request, l := range q.begun {
		if l.Org != org {
			continue
		}
		types, ended := wrote[request], q.ended[request]
		missing := lacks(types, l.Must)
		switch {
		case ended == acknowledged && missing != "":
			q.Errorf("%s: %s %s was acknowledged, and its event %s is missing: it wrote %v", org, l.Act, request, missing, types)
		case ended == refused && len(types) > 0:
			q.Errorf("%s: %s %s was refused, and wrote %v", org, l.Act, request, types)
		case ended == "" && len(types) == 0:
			q.absent[request] = true
		case ended == "" && missing == "":
			q.whole[request] = true
		case ended == "":
			q.Errorf("%s: %s %s is half there: it wrote %v, and not %s", org, l.Act, request, types, missing)
		}
	}
}

// lacks returns the first of the types that must be there, each so often, and is not.
func lacks(have, must []iam.EventType) string {
	have = slices.Clone(have)
	for _, what := range must {
		n := slices.Index(have, what)
		if n < 0 {
			return string(what)
		}
		have = slices.Delete(have, n, n+1)
	}
	return ""
}

// sound asks the database itself.
func (q *inquest) sound(db *gorm.DB) {
	q.Helper()
	if q.place.isFile() {
		for _, pragma := range []string{"integrity_check", "foreign_key_check"} {
			var said []string
			q.ok(db.Raw("PRAGMA " + pragma).Scan(&said).Error)
			if text := strings.Join(said, "; "); text != "" && text != "ok" {
				q.Errorf("%s: %s", pragma, text)
			}
		}
		return
	}
	for _, table := range []string{
		"iam_account_roles", "iam_bindings", "iam_grants", "iam_holdings", "iam_quotas", "iam_invitations", "iam_tokens", "iam_credentials",
		"iam_sessions", "iam_api_keys",
	} {
		var orphans int64
		q.ok(db.Raw("SELECT COUNT(*) FROM " + table + " AS t LEFT JOIN iam_accounts AS a ON a.org_id = t.org_id AND a.id = t.account_id " +
			"WHERE a.id IS NULL").Scan(&orphans).Error)
		if orphans > 0 {
			q.Errorf("%s has %d rows of nobody", table, orphans)
		}
	}
}
