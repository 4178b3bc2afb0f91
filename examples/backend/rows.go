package main

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// project is a row of the demo's own, and a resource of the policy.
type project struct {
	Org  policy.OrgID     `gorm:"column:org_id;primaryKey" json:"-"`
	ID   policy.ProjectID `gorm:"column:id;primaryKey" json:"id"`
	Name string           `gorm:"column:name" json:"name"`
	Note string           `gorm:"column:note" json:"note"`
}

func (project) TableName() string { return "projects" }

// Resource is the project itself.
func (p project) Resource() policy.Resource { return emqx.Project.In(p.Org, p.ID).Named(string(p.ID)) }

func (p project) check() error {
	if err := checkText("name", p.Name, 1, 100); err != nil {
		return err
	}
	return checkText("note", p.Note, 0, 1000)
}

// plans are the values of the attribute that rules with a condition ask for.
var plans = []string{"serverless", "dedicated", "premium", "byoc"}

// versions are the values of deployment.TLS.
var versions = []string{"1.2", "1.3"}

// deployment is a row of the demo's own, and a resource of the policy.
type deployment struct {
	Org     policy.OrgID     `gorm:"column:org_id;primaryKey" json:"-"`
	Project policy.ProjectID `gorm:"column:project_id" json:"project"`
	ID      string           `gorm:"column:id;primaryKey" json:"id"`
	Name    string           `gorm:"column:name" json:"name"`
	Plan    string           `gorm:"column:plan" json:"plan"`
	Running bool             `gorm:"column:running" json:"running"`
	TLS     string           `gorm:"column:tls" json:"-"` // a facet with permissions of its own
}

func (deployment) TableName() string { return "deployments" }

// Resource is the deployment itself, with the attribute that some rules ask for.
func (d deployment) Resource() policy.Resource {
	return emqx.Deployment.In(d.Org, d.Project).Named(d.ID).With(emqx.Plan, d.Plan)
}

func (d deployment) check() error {
	if err := checkText("name", d.Name, 1, 100); err != nil {
		return err
	}
	return checkOneOf("plan", d.Plan, plans)
}

// checkText refuses a text that is too short, too long, or no text.
func checkText(field, text string, least, most int) error {
	n := utf8.RuneCountInString(text)
	if n < least || n > most || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return &iam.FieldError{Field: field, Problem: "the text is too short, too long, or no text"}
	}
	return nil
}

func checkOneOf(field, value string, values []string) error {
	if !slices.Contains(values, value) {
		return &iam.FieldError{Field: field, Problem: "want one of " + strings.Join(values, ", ")}
	}
	return nil
}
