package scaletest

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

const (
	accountsOfOrg   = 100 // on average
	bindingsOfUser  = 5
	administrators  = 3 // of each organisation, as many auditors, and project users else
	usersOfProject  = 50
	insertsDeployed = `INSERT INTO host_deployments (org_id, project_id, id)
SELECT org_id, MIN(project_id), account_id FROM iam_bindings GROUP BY org_id, account_id`
)

// world is a database with its accounts.
type world struct {
	*testing.T
	db    *gorm.DB
	svc   *iam.Service
	size  int
	table *table
	orgs  []organization // the first is the big one
}

// organization is one of a world's: its accounts are a range of all.
type organization struct {
	id          policy.OrgID
	first, last int
}

func (o organization) projects() int {
	return max(bindingsOfUser, (o.last-o.first)*bindingsOfUser/usersOfProject)
}

// build makes a world through the public API, and measures that.
func build(t *testing.T, database string, size int, table *table) *world {
	t.Helper()
	w := &world{T: t, db: testdb.Open(t, database), size: size, table: table}
	svc, err := iam.New(store.New(w.db), emqx.System(), iam.Config{BaseURL: "https://console.example.com"})
	w.ok(err)
	w.svc = svc
	w.plan()
	accounts, bindings := 0, 0
	var forAccounts, forBindings time.Duration
	for _, o := range w.orgs {
		_, err := svc.System("scale").CreateOrganization(t.Context(), iam.CreateOrganizationParams{
			ID: o.id, Name: "Acme", Root: &iam.CreateAccountParams{Email: fmt.Sprintf("root@%s.example.com", o.id)},
		})
		w.ok(err)
		start := time.Now()
		did, err := svc.System("scale").ImportAccounts(t.Context(), o.id, w.people(o), iam.BulkParams{})
		w.ok(err)
		accounts, forAccounts = accounts+did.Added, forAccounts+time.Since(start)
		start = time.Now()
		did, err = svc.System("scale").ImportBindings(t.Context(), o.id, w.bindings(o), iam.BulkParams{})
		w.ok(err)
		bindings, forBindings = bindings+did.Added, forBindings+time.Since(start)
	}
	table.put("moved in, accounts/s", "", size, float64(accounts)/forAccounts.Seconds())
	table.put("moved in, bindings/s", "", size, float64(bindings)/forBindings.Seconds())
	text := map[string]string{testdb.SQLite: "TEXT", testdb.Postgres: `text COLLATE "C"`, testdb.MySQL: "VARBINARY(255)"}[database]
	w.exec("CREATE TABLE host_deployments (org_id " + text + ", project_id " + text + ", id " + text + ", PRIMARY KEY (org_id, project_id, id))")
	w.exec(insertsDeployed)
	w.analyze()
	table.put("database, MB", "", size, w.megabytes())
	return w
}

// plan divides the accounts among organisations.
func (w *world) plan() {
	orgs := w.size / accountsOfOrg
	big := w.size / 10
	w.orgs = []organization{{id: "big", first: 0, last: big}}
	for i := 1; i < orgs; i++ {
		first := big + (w.size-big)*(i-1)/(orgs-1)
		w.orgs = append(w.orgs, organization{id: policy.OrgID(fmt.Sprintf("org-%06d", i)), first: first, last: big + (w.size-big)*i/(orgs-1)})
	}
}

func accountID(i int) policy.AccountID {
	return policy.AccountID(fmt.Sprintf("0198%04x-%04x-7000-8000-0123456789ab", i>>16, i&0xffff))
}

func projectID(i int) policy.ProjectID { return policy.ProjectID(fmt.Sprintf("project-%06d", i)) }

func roleOf(o organization, i int) policy.Role {
	switch {
	case i < o.first+administrators:
		return emqx.Administrator
	case i < o.first+2*administrators:
		return emqx.Auditor
	default:
		return emqx.ProjectUser
	}
}

func (w *world) people(o organization) iter.Seq2[iam.AccountRow, error] {
	return func(yield func(iam.AccountRow, error) bool) {
		for i := o.first; i < o.last; i++ {
			if !yield(iam.AccountRow{
				ID: accountID(i), Email: fmt.Sprintf("person%d@example.com", i), Roles: []policy.Role{roleOf(o, i)}, Status: iam.Active,
				Profile: iam.Profile{
					Name: fmt.Sprint("Person Number ", i), Company: "Acme",
					Note: fmt.Sprintf("Team %d in district %d of the sales department", i%10, i*7919%100),
				},
			}, nil) {
				return
			}
		}
	}
}

func (w *world) bindings(o organization) iter.Seq2[iam.BindingRow, error] {
	return func(yield func(iam.BindingRow, error) bool) {
		for i := o.first + 2*administrators; i < o.last; i++ {
			for n := range bindingsOfUser {
				row := iam.BindingRow{Account: accountID(i), Role: emqx.ProjectUser, Project: projectID((i + n*o.projects()/bindingsOfUser) % o.projects())}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

func (w *world) analyze() {
	w.Helper()
	if w.db.Name() == testdb.MySQL {
		w.exec("ANALYZE TABLE iam_accounts, iam_account_roles, iam_bindings, iam_events, iam_organizations, host_deployments")
		return
	}
	for _, table := range []string{"iam_accounts", "iam_account_roles", "iam_bindings", "iam_events", "iam_organizations", "host_deployments"} {
		w.exec("ANALYZE " + table)
	}
}

// megabytes is what the tables take with their indexes.
func (w *world) megabytes() float64 {
	w.Helper()
	var bytes float64
	w.ok(w.db.Raw(map[string]string{
		testdb.SQLite:   "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
		testdb.Postgres: "SELECT SUM(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace",
		testdb.MySQL:    "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()",
	}[w.db.Name()]).Scan(&bytes).Error)
	return bytes / (1 << 20)
}

func (w *world) exec(statement string) {
	w.Helper()
	w.ok(w.db.WithContext(w.Context()).Exec(statement).Error)
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}
