package store

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type organizationRow struct {
	ID           policy.OrgID `gorm:"column:id;primaryKey"`
	Name         string       `gorm:"column:name"`
	Created      int64        `gorm:"column:created"`
	SecondFactor int64        `gorm:"column:second_factor"`
	Revision     int64        `gorm:"column:revision"`
}

func (organizationRow) TableName() string { return "iam_organizations" }

// accountColumns are all of accountRow that is read.
const accountColumns = "id, org_id, root_key, status, email, name, username, phone, company, note, created_by, created, activated, updated"

type accountRow struct {
	ID  policy.AccountID `gorm:"column:id;primaryKey"`
	Org policy.OrgID     `gorm:"column:org_id"`
	// RootKey is the organisation for its root account, and NULL for every other: as it is unique,
	// there is one root at most (SB-A7).
	RootKey *policy.OrgID `gorm:"column:root_key"`
	Status  iam.Status    `gorm:"column:status"`
	// Email is NULL for none. It is unique within the organisation.
	Email *iam.Email `gorm:"column:email"`
	// EmailKey is the address when it may exist once in the whole database, and NULL otherwise.
	EmailKey *iam.Email `gorm:"column:email_key"`
	// RootEmail is the address of a root account, which exists once among root accounts, and NULL for
	// every other. It is NULL too for roots that had one address between them before it was unique.
	RootEmail *iam.Email `gorm:"column:root_email"`
	Name      string     `gorm:"column:name"`
	Username  string     `gorm:"column:username"`
	Phone     string     `gorm:"column:phone"`
	Company   string     `gorm:"column:company"`
	Note      string     `gorm:"column:note"`
	// Search is everything that a keyword may occur in, folded: see [searchText].
	Search    string           `gorm:"column:search"`
	CreatedBy policy.AccountID `gorm:"column:created_by"`
	Created   int64            `gorm:"column:created"`
	Activated int64            `gorm:"column:activated"`
	Updated   int64            `gorm:"column:updated"`
}

func (accountRow) TableName() string { return "iam_accounts" }

func newAccountRow(a iam.Account, everywhere bool) accountRow {
	row := accountRow{
		ID: a.ID, Org: a.Org, Status: a.Status,
		Name: a.Name, Username: a.Username, Phone: a.Phone, Company: a.Company, Note: a.Note,
		Search:    searchText(a),
		CreatedBy: a.CreatedBy, Created: toMillis(a.Created), Activated: toMillis(a.Activated), Updated: toMillis(a.Updated),
	}
	if a.Root {
		row.RootKey = &a.Org
	}
	if a.Email != "" {
		row.Email = &a.Email
		if everywhere {
			row.EmailKey = &a.Email
		}
	}
	return row
}

func (row *accountRow) account() iam.Account {
	a := iam.Account{
		ID: row.ID, Org: row.Org, Root: row.RootKey != nil, Status: row.Status,
		Name: row.Name, Username: row.Username, Phone: row.Phone, Company: row.Company, Note: row.Note,
		CreatedBy: row.CreatedBy, Created: fromMillis(row.Created), Activated: fromMillis(row.Activated), Updated: fromMillis(row.Updated),
	}
	if row.Email != nil {
		a.Email = *row.Email
	}
	return a
}

// fieldEnd stands between the fields of searchText. No field holds it, nor does any keyword that
// is looked for: what is found lies within one field.
const fieldEnd = "\x1f"

func searchText(a iam.Account) string {
	var all string
	for _, field := range []string{string(a.Email), a.Name, a.Username, a.Phone, a.Company, a.Note} {
		all += fold(field) + fieldEnd
	}
	return all
}

type accountRoleRow struct {
	Org     policy.OrgID     `gorm:"column:org_id;primaryKey"`
	Account policy.AccountID `gorm:"column:account_id;primaryKey"`
	Role    policy.Role      `gorm:"column:role;primaryKey"`
}

func (accountRoleRow) TableName() string { return "iam_account_roles" }

type bindingRow struct {
	Org     policy.OrgID     `gorm:"column:org_id;primaryKey"`
	Account policy.AccountID `gorm:"column:account_id;primaryKey"`
	Project policy.ProjectID `gorm:"column:project_id;primaryKey"`
	Role    policy.Role      `gorm:"column:role;primaryKey"`
}

func (bindingRow) TableName() string { return "iam_bindings" }

func (row *bindingRow) binding() iam.Binding {
	return iam.Binding{Account: row.Account, Role: row.Role, Project: row.Project}
}

type grantRow struct {
	Org        policy.OrgID      `gorm:"column:org_id;primaryKey"`
	ID         iam.GrantID       `gorm:"column:id;primaryKey"`
	Account    policy.AccountID  `gorm:"column:account_id"`
	Role       policy.Role       `gorm:"column:role"`
	Permission policy.Permission `gorm:"column:permission"`
	Project    policy.ProjectID  `gorm:"column:project_id"`
	Kind       policy.Kind       `gorm:"column:kind"`
	Resource   string            `gorm:"column:resource_id"`
	Expires    int64             `gorm:"column:expires"`
	By         policy.AccountID  `gorm:"column:given_by"`
	Created    int64             `gorm:"column:created"`
}

func (grantRow) TableName() string { return "iam_grants" }

func newGrantRow(g iam.Grant) grantRow {
	return grantRow{
		Org: g.Grant.At.Org, ID: g.ID, Account: g.Account,
		Role: g.Grant.Role, Permission: g.Grant.Permission,
		Project: g.Grant.At.Project, Kind: g.Grant.At.Kind, Resource: g.Grant.At.ID,
		Expires: toMillis(g.Grant.Expires), By: g.By, Created: toMillis(g.Created),
	}
}

func (row *grantRow) grant() iam.Grant {
	return iam.Grant{
		ID: row.ID, Account: row.Account, By: row.By, Created: fromMillis(row.Created),
		Grant: policy.Grant{
			Role: row.Role, Permission: row.Permission, Expires: fromMillis(row.Expires),
			At: policy.Place{Org: row.Org, Project: row.Project, Kind: row.Kind, ID: row.Resource},
		},
	}
}

type projectRow struct {
	Org  policy.OrgID     `gorm:"column:org_id;primaryKey"`
	ID   policy.ProjectID `gorm:"column:id;primaryKey"`
	Open int              `gorm:"column:open"` // 0 or 1
}

func (projectRow) TableName() string { return "iam_projects" }

type eventRow struct {
	Org      policy.OrgID     `gorm:"column:org_id;primaryKey"`
	Revision int64            `gorm:"column:revision;primaryKey;autoIncrement:false"`
	Ordinal  int              `gorm:"column:ordinal;primaryKey;autoIncrement:false"`
	Time     int64            `gorm:"column:time"`
	Type     iam.EventType    `gorm:"column:type"`
	Outcome  iam.Outcome      `gorm:"column:outcome"`
	Actor    policy.AccountID `gorm:"column:actor"`
	Email    iam.Email        `gorm:"column:actor_email"`
	Role     string           `gorm:"column:actor_role"`
	Reason   string           `gorm:"column:reason"`
	Peer     string           `gorm:"column:peer"`
	Request  string           `gorm:"column:request"`
	Target   string           `gorm:"column:target"`
	Changes  string           `gorm:"column:changes"` // JSON
	Hash     string           `gorm:"column:hash"`
}

func (eventRow) TableName() string { return "iam_events" }

func newEventRow(e iam.Event) (eventRow, error) {
	changes := []byte("[]")
	if len(e.Changes) > 0 {
		var err error
		if changes, err = json.Marshal(e.Changes); err != nil {
			return eventRow{}, err
		}
	}
	return eventRow{
		Org: e.Org, Revision: e.Revision, Ordinal: e.Ordinal, Time: toMillis(e.Time), Type: e.Type, Outcome: e.Outcome,
		Actor: e.Actor, Email: e.Email, Role: e.Role, Reason: e.Reason, Peer: e.Peer, Request: e.Request,
		Target: e.Target, Changes: string(changes),
	}, nil
}

// stored is the event as it will be read, of the event that the row was made of. Reading the changes again takes
// longer than anything else about an event, and is spared where JSON keeps every text as it is.
func (row *eventRow) stored(e iam.Event) (iam.Event, error) {
	for _, c := range e.Changes {
		if !utf8.ValidString(c.Field) || !utf8.ValidString(c.Before) || !utf8.ValidString(c.After) {
			return row.event()
		}
	}
	e.Time = fromMillis(row.Time)
	if len(e.Changes) == 0 {
		e.Changes = nil
	}
	return e, nil
}

func (row *eventRow) event() (iam.Event, error) {
	e := iam.Event{
		Org: row.Org, Revision: row.Revision, Ordinal: row.Ordinal, Time: fromMillis(row.Time), Type: row.Type, Outcome: row.Outcome,
		Actor: row.Actor, Email: row.Email, Role: row.Role, Reason: row.Reason, Peer: row.Peer, Request: row.Request,
		Target: row.Target, Hash: row.Hash,
	}
	if err := json.Unmarshal([]byte(row.Changes), &e.Changes); err != nil {
		return iam.Event{}, fmt.Errorf("changes of event %d.%d: %w", row.Revision, row.Ordinal, err)
	}
	if len(e.Changes) == 0 {
		e.Changes = nil
	}
	return e, nil
}
