package store_test

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"strings"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// statement is what a program asked its database, and how many rows that concerned; -1 where it was not told.
type statement struct {
	SQL  string `json:"sql"`
	Args []any  `json:"args,omitempty"`
	Rows int64  `json:"rows"`
}

// recordStatements goes on for a while, and returns every statement of that, one a line: those that write, and the
// first of each shape that reads.
func (a *author) recordStatements() []byte {
	a.Helper()
	var b bytes.Buffer
	a.db = testdb.Again(a.T, a.db, &gorm.Config{})
	seen := make(map[string]bool)
	record := func(db *gorm.DB) {
		text := db.Statement.SQL.String()
		if db.DryRun || text == "" || seen[text] && strings.HasPrefix(text, "SELECT") {
			return
		}
		seen[text] = true
		s := statement{SQL: text, Rows: db.RowsAffected}
		for _, v := range db.Statement.Vars {
			value, err := driver.DefaultParameterConverter.ConvertValue(v)
			if a.ok(err); err == nil {
				s.Args = append(s.Args, value)
			}
		}
		line, err := json.Marshal(s)
		a.ok(err)
		b.Write(append(line, '\n'))
	}
	recordRows := func(db *gorm.DB) {
		db.RowsAffected = -1 // which are read by whoever asked
		record(db)
	}
	c := a.db.Callback()
	for _, err := range []error{
		c.Create().After("*").Register("record", record), c.Query().After("*").Register("record", record),
		c.Update().After("*").Register("record", record), c.Delete().After("*").Register("record", record),
		c.Raw().After("*").Register("record", record), c.Row().After("*").Register("record", recordRows),
	} {
		a.ok(err)
	}
	next := newAuthor(a.T, a.db, a.now, 's')
	next.orgs, next.system, next.ids, next.handles = a.orgs, a.system, a.ids, a.handles
	next.st = store.New(a.db)
	next.goOn()
	return b.Bytes()
}

// goOn is an ordinary day of a program that runs already.
func (a *author) goOn() {
	a.Helper()
	a.hire("acme", "ada", "new", emqx.ProjectUser)
	root := a.as("acme", "ada")
	a.ok(root.Bind(a.ctx(), iam.Binding{Account: a.ids["new"], Role: emqx.ProjectUser, Project: "p2"}))
	_, err := root.GiveGrant(a.ctx(), a.ids["new"], policy.GrantPermission(emqx.DeploymentView, policy.AtProject("acme", "p1")))
	a.ok(err)
	_, _, err = root.SetRoles(a.ctx(), a.ids["new"], emqx.Auditor)
	a.ok(err)
	_, err = root.UpdateProfile(a.ctx(), a.ids["new"], iam.Profile{Name: "New"})
	a.ok(err)
	_, err = root.Disable(a.ctx(), a.ids["new"])
	a.ok(err)
	_, err = root.Enable(a.ctx(), a.ids["new"])
	a.ok(err)
	a.ok(root.OpenProject(a.ctx(), "p2"))
	a.ok(root.ForgetProject(a.ctx(), "p2"))
	a.goOnSigningIn()
	a.ok(root.Delete(a.ctx(), a.ids["new"]))
	a.decide("acme", a.ids["uma"])
	a.read()
}
