package scaletest

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

const samples = 300

func (w *world) measure() {
	w.subjects()
	w.decisions()
	w.lists()
	w.invitations()
}

// someone is an account of an organisation that is bound to projects.
func (o organization) someone(r *rand.Rand) policy.AccountID {
	return accountID(o.first + 2*administrators + r.IntN(o.last-o.first-2*administrators))
}

// anybody is an account of any organisation.
func (w *world) anybody(r *rand.Rand) policy.AccountID { return w.orgs[r.IntN(len(w.orgs))].someone(r) }

// seeded is the same at each size.
func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// subjects measures a subject against its bare statement, in turns, so that both meet the same load.
func (w *world) subjects() {
	w.Helper()
	statement, args := w.subjectStatement()
	pool, err := w.db.DB()
	w.ok(err)
	r := seeded()
	var bare, cold []float64
	for range samples {
		id := w.anybody(r)
		for i := range args {
			args[i] = string(id)
		}
		start := time.Now()
		w.ok(w.drain(pool, statement, args))
		middle := time.Now()
		_, err := w.svc.Subject(w.Context(), id)
		cold = append(cold, micros(middle))
		w.ok(err)
		bare = append(bare, float64(middle.Sub(start).Nanoseconds())/1000)
	}
	w.spread("Subject's bare statement", bare)
	w.spread("Subject cold", cold)

	config := iam.Config{MaxStaleness: time.Hour}
	warm, err := iam.New(store.New(w.db), emqx.System(), config)
	w.ok(err)
	id := w.orgs[0].someone(r)
	_, err = warm.Subject(w.Context(), id)
	w.ok(err)
	w.table.timed(w, "Subject hot", w.size, samples, func(int) error {
		_, err := warm.Subject(w.Context(), id)
		return err
	})
}

// subjectStatement is what the library asks for a subject.
func (w *world) subjectStatement() (statement string, args []any) {
	w.Helper()
	const name = "scaletest:subject"
	w.ok(w.db.Callback().Row().After("gorm:row").Register(name, func(db *gorm.DB) {
		statement, args = db.Statement.SQL.String(), append([]any(nil), db.Statement.Vars...)
	}))
	_, err := w.svc.Subject(w.Context(), w.orgs[0].someone(seeded()))
	w.ok(err)
	w.ok(w.db.Callback().Row().Remove(name))
	return statement, args
}

// drain runs a statement, and looks at nothing that it finds.
func (w *world) drain(pool *sql.DB, statement string, args []any) error {
	rows, err := pool.QueryContext(w.Context(), statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var part, account, a, b sql.RawBytes
		if err := rows.Scan(&part, &account, &a, &b); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (w *world) decisions() {
	w.Helper()
	r, big, small := seeded(), w.orgs[0], w.orgs[len(w.orgs)-1]
	sub, err := w.svc.Subject(w.Context(), big.someone(r))
	w.ok(err)
	resource := emqx.Deployment.In(big.id, projectID(0)).Named("d")
	const rounds, calls = 31, 20_000
	var took []float64
	for range rounds {
		start := time.Now()
		for range calls {
			w.svc.Can(sub, emqx.View, resource)
		}
		took = append(took, float64(time.Since(start).Nanoseconds())/calls)
	}
	w.table.put("Can, ns", "best", w.size, slices.Min(took)) // the others measure what else the machine does

	columns := store.Columns{Org: "org_id", Project: "project_id", ID: "id"}
	for _, o := range []struct {
		name string
		organization
	}{{"small", small}, {"big", big}} {
		sub, err := w.svc.Subject(w.Context(), o.someone(r))
		w.ok(err)
		w.table.timed(w, "Reach and the first 100 that it finds, "+o.name, w.size, samples, func(int) error {
			reach := w.svc.Reach(sub, emqx.View, emqx.Deployment)
			var ids []string
			err := w.db.WithContext(w.Context()).Table("host_deployments").Scopes(store.InReach(reach, columns)).Order("id").Limit(100).Pluck("id", &ids).Error
			if err == nil && len(ids) == 0 {
				err = errors.New("nothing was found")
			}
			return err
		})
		w.table.timed(w, "WhoCan, "+o.name, w.size, samples/3, func(int) error {
			project := projectID(r.IntN(o.projects()))
			who, err := w.svc.WhoCan(w.Context(), emqx.View, emqx.Deployment.In(o.id, project).Named("d"))
			if err == nil && len(who) < 2*administrators {
				err = fmt.Errorf("only %d can", len(who))
			}
			return err
		})
	}
}

func (w *world) lists() {
	w.Helper()
	big := w.orgs[0]
	a := w.svc.System("scale").In(big.id)
	middle, last := accountID((big.first+big.last)/2), accountID(big.last-min(100, big.last/2)-1)
	for _, l := range []struct {
		name string
		q    iam.AccountQuery
	}{
		{"first page of the big", iam.AccountQuery{}},
		{"page in the middle", iam.AccountQuery{After: middle}},
		{"last page", iam.AccountQuery{After: last}},
		{"search, common keyword", iam.AccountQuery{Keyword: "district 42 "}},
		{"search, rare keyword", iam.AccountQuery{Keyword: fmt.Sprintf("person%d@", big.last-1)}},
		{"search, no match", iam.AccountQuery{Keyword: "nobody at all"}},
		{"by role", iam.AccountQuery{Role: emqx.Auditor}},
		{"by project", iam.AccountQuery{Project: projectID(1)}},
	} {
		w.table.timed(w, l.name, w.size, samples/3, func(int) error {
			_, err := a.Accounts(w.Context(), l.q)
			return err
		})
	}
	w.table.timed(w, "newest events", w.size, samples/3, func(int) error {
		_, err := a.Events(w.Context(), iam.EventQuery{})
		return err
	})
	w.table.timed(w, "events about one account", w.size, samples/3, func(i int) error {
		_, err := a.Events(w.Context(), iam.EventQuery{Target: string(accountID(i))})
		return err
	})
}

// invitations invites into the big organisation, and accepts.
func (w *world) invitations() {
	w.Helper()
	a := w.svc.System("scale").In(w.orgs[0].id)
	var made []policy.AccountID
	w.table.timed(w, "Invite", w.size, samples/3, func(i int) error {
		invitation, _, err := a.Invite(w.Context(), iam.InviteParams{
			Email: fmt.Sprintf("new%d@example.com", i), Roles: []policy.Role{emqx.ProjectUser}, Bindings: []iam.Binding{{Role: emqx.ProjectUser, Project: projectID(0)}},
		})
		made = append(made, invitation.Account)
		return err
	})
	tokens := make([]iam.Token, len(made))
	for i, id := range made {
		link, err := a.InvitationLink(w.Context(), id)
		w.ok(err)
		address, err := url.Parse(link.Reveal())
		w.ok(err)
		tokens[i] = iam.ParseToken(address.Query().Get("token"))
	}
	w.table.timed(w, "Accept", w.size, len(tokens), func(i int) error {
		_, err := w.svc.AcceptInvitation(w.Context(), tokens[i], iam.AcceptParams{})
		return err
	})
}
