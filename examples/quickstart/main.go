// Command quickstart is Castellan in two minutes: it keeps the rules of policy.csv and an
// organisation with its accounts in a SQLite file, and prints who may do what.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/policystore"
	"github.com/castellan-iam/castellan/store/sqlite"
)

const (
	acme  policy.OrgID     = "acme"
	plant policy.ProjectID = "plant"
	lab   policy.ProjectID = "lab"
)

// staff are acme's accounts: root, and one for each role that root can give.
var staff = []struct {
	name string
	role policy.Role
}{
	{"rosa", emqx.Root}, {"ada", emqx.Administrator}, {"paul", emqx.ProjectAdmin},
	{"uma", emqx.ProjectUser}, {"carl", emqx.Accountant}, {"otto", emqx.Auditor},
}

func main() {
	info, err := os.Stdout.Stat()
	isTerminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	if err := run(os.Stdout, "castellan-quickstart.db", isTerminal && os.Getenv("NO_COLOR") == ""); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, path string, color bool) error {
	ctx := context.Background()
	db, err := sqlite.Open(path)
	if err != nil {
		return err
	}
	if connections, err := db.DB(); err == nil {
		defer connections.Close()
	}
	if err := store.Migrate(ctx, db); err != nil {
		return err
	}
	system := emqx.System()
	if system.Policy, err = rules(ctx, db); err != nil {
		return err
	}
	st := store.New(db)
	svc, err := iam.New(st, system, iam.Config{})
	if err != nil {
		return err
	}

	// The organisation is made the first time, with all of its accounts in one transaction.
	self, found := svc.System("quickstart"), "found from an earlier run"
	_, err = self.In(acme).Organization(ctx)
	if errors.Is(err, iam.ErrNotFound) {
		found = "made just now"
		err = db.Transaction(func(tx *gorm.DB) error { return seed(ctx, svc.WithStore(st.In(tx))) })
	}
	if err != nil {
		return err
	}
	accounts, err := self.In(acme).Accounts(ctx, iam.AccountQuery{})
	if err != nil {
		return err
	}

	// A subject is loaded once a request. Then every question is answered in memory.
	var people []person
	for _, account := range accounts {
		sub, err := svc.Subject(ctx, account.ID)
		if err != nil {
			return err
		}
		people = append(people, person{account.Name, string(account.Roles[0]), sub})
	}
	o := output{w, color}
	o.print("%s: %d rules of policy.csv, and the organisation acme, %s.\n\n", path, len(svc.Policy().Rules()), found)
	o.matrix(svc, people)
	o.explain(svc, people[3])
	return nil
}

// rules moves policy.csv into Casbin's table casbin_rule, and reads the policy back from there. A
// host that ships its CSV needs none of this: emqx.System() has a policy already.
func rules(ctx context.Context, db *gorm.DB) (*policy.Policy, error) {
	table := policystore.New(db, policy.Config{Conditions: emqx.Conditions()})
	if err := table.Migrate(ctx); err != nil {
		return nil, err
	}
	csv, err := policy.ReadDocument("policy.csv", []byte(castellan.PolicyCSV()))
	if err != nil {
		return nil, err
	}
	if _, err := table.Seed(ctx, csv, policystore.SeedParams{Prune: true}); err != nil {
		return nil, err
	}
	return table.Policy(ctx)
}

// seed makes acme: root, an account for every other role, and Paul and Uma bound to the plant.
func seed(ctx context.Context, svc *iam.Service) error {
	org, err := svc.System("quickstart seed").CreateOrganization(ctx, iam.CreateOrganizationParams{
		ID: acme, Name: "Acme", Root: &iam.CreateAccountParams{Email: "rosa@acme.example", Profile: iam.Profile{Name: "rosa"}},
	})
	if err != nil {
		return err
	}
	root, err := svc.Subject(ctx, org.Root)
	if err != nil {
		return err
	}
	for _, s := range staff[1:] { // from here on it is Rosa who acts, under the rules
		account, _, err := svc.As(root).CreateAccount(ctx, iam.CreateAccountParams{
			Email: s.name + "@acme.example", Roles: []policy.Role{s.role}, Active: true, Profile: iam.Profile{Name: s.name},
		})
		if err != nil {
			return err
		}
		if svc.Policy().Bindable(s.role) {
			if err := svc.As(root).Bind(ctx, iam.Binding{Account: account.ID, Role: s.role, Project: plant}); err != nil {
				return err
			}
		}
	}
	return nil
}

// person is an account that asks, by the name that the output shows.
type person struct {
	name, role string
	iam.Subject
}

// The questions: about a deployment of each project, and about the organisation itself.
var (
	sites = []struct {
		project     policy.ProjectID
		plan, bound string
	}{{plant, "premium", "paul and uma are"}, {lab, "serverless", "nobody is"}}
	inProject = []policy.Permission{
		emqx.DeploymentView, emqx.DeploymentStartStop, emqx.DeploymentRename, emqx.DeploymentTLSManage,
		emqx.DeploymentPortsManage, emqx.DeploymentGatewayManage, emqx.ProjectEdit,
	}
	inOrg = []policy.Permission{
		emqx.ProjectCreate, emqx.SubaccountList, emqx.SubaccountManage, emqx.BillingView,
		emqx.BillingPaymentManage, emqx.APIKeyManage, emqx.AuditLogView,
	}
)

// matrix asks every question for everybody.
func (o output) matrix(svc *iam.Service, people []person) {
	names, roles := "", ""
	for _, p := range people {
		names += o.cell(bold, p.name, p)
		roles += o.cell(dim, p.role, p)
	}
	o.row("", names)
	o.row("", roles)
	ask := func(need policy.Permission, r policy.Resource) {
		cells := ""
		for _, p := range people {
			switch svc.Explain(p.Subject, need.Action(), r).Reason {
			case policy.Allowed:
				cells += o.cell(green, "✓", p)
			case policy.ReadOnly:
				cells += o.cell(yellow, "read", p)
			case policy.ConditionNotMet:
				cells += o.cell(blue, "plan", p)
			default:
				cells += o.cell(dim, "·", p)
			}
		}
		o.row(string(need), cells)
	}
	for _, s := range sites {
		o.title(fmt.Sprintf("A %s deployment in the project %s, to which %s bound", s.plan, s.project, s.bound))
		for _, need := range inProject {
			ask(need, need.Kind().In(acme, s.project).With(emqx.Plan, s.plan))
		}
	}
	o.title("The organisation")
	for _, need := range inOrg {
		ask(need, need.Kind().Of(acme))
	}
	o.print("\n%s may   %s may only look   %s not with this plan   %s may not\n",
		o.paint(green, "✓"), o.paint(yellow, "read"), o.paint(blue, "plan"), o.paint(dim, "·"))
}

// explain shows one denial as a log line has it, and what would turn it into an allow.
func (o output) explain(svc *iam.Service, p person) {
	denied := svc.Explain(p.Subject, emqx.StartStop, emqx.Deployment.In(acme, plant).Named("press"))
	why := strings.ReplaceAll(denied.String(), string(p.ID()), p.name)
	o.title("Why may " + p.name + " not start the press?")
	o.print("  %s\n", strings.Replace(why, ": ", ":\n  ", 1))
	o.title("What would help, the smallest grant first")
	o.print("  %s\n", o.paint(dim, fmt.Sprintf("%-62s%-13s%s", "grant", "permissions", "given by")))
	for _, r := range denied.Remedies() {
		if len(r.Givers) > 0 { // root's own role would help too, and nobody can give it
			o.print("  %-62s%11d  %s\n", r.Grant, r.Gives, strings.Trim(fmt.Sprint(r.Givers), "[]"))
		}
	}
}

// output writes text, in color when a person looks at it.
type output struct {
	io.Writer
	color bool
}

const bold, dim, green, yellow, blue = "1", "90", "32", "33", "34"

func (o output) print(format string, args ...any) { fmt.Fprintf(o, format, args...) }

func (o output) title(text string) { o.print("\n%s\n", o.paint(bold, text)) }

func (o output) row(name, cells string) { o.print("  %-28s%s\n", name, strings.TrimRight(cells, " ")) }

// cell pads a text to the width of the person's column before it is painted.
func (o output) cell(style, text string, p person) string {
	return o.paint(style, text) + strings.Repeat(" ", len(p.role)+2-utf8.RuneCountInString(text))
}

func (o output) paint(style, text string) string {
	if !o.color {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}
