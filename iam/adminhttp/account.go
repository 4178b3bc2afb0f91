package adminhttp

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// account is a person's place in the organisation, as people see it: nothing in it opens anything (SB-70).
type account struct {
	ID        policy.AccountID `json:"id"`
	Root      bool             `json:"root"`
	Status    iam.Status       `json:"status" enum:"pending,active,disabled"`
	Roles     []policy.Role    `json:"roles"`
	Email     iam.Email        `json:"email,omitempty"`
	Profile   profile          `json:"profile"`
	CreatedBy policy.AccountID `json:"created_by,omitempty" doc:"Absent when the system made it."`
	Created   time.Time        `json:"created"`
	Activated time.Time        `json:"activated,omitzero" doc:"When it became active for the first time."`
	Updated   time.Time        `json:"updated"`
}

// profile is everything about a person that decides nothing. What a request leaves out is empty.
type profile struct {
	Name     string `json:"name,omitempty"`
	Username string `json:"username,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Company  string `json:"company,omitempty"`
	Note     string `json:"note,omitempty"`
}

// changedAccount is an account with what the caller should know about it.
type changedAccount struct {
	Account  account       `json:"account"`
	Warnings []iam.Warning `json:"warnings" doc:"What was done as asked and will probably surprise."`
}

// accountPath is the request about one account.
type accountPath struct {
	Account policy.AccountID `path:"account"`
}

func showAccount(a iam.Account) account {
	return account{
		ID: a.ID, Root: a.Root, Status: a.Status, Roles: append([]policy.Role{}, a.Roles...), Email: a.Email,
		Profile: profile{a.Name, a.Username, a.Phone, a.Company, a.Note}, CreatedBy: a.CreatedBy,
		Created: a.Created.UTC(), Activated: utc(a.Activated), Updated: a.Updated.UTC(),
	}
}

func showChanged(a iam.Account, warnings []iam.Warning) changedAccount {
	return changedAccount{showAccount(a), append([]iam.Warning{}, warnings...)}
}

// utc leaves the zero time as it is.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
