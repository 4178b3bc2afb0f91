package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// The projects are the host's own rows: the library knows their ids alone.
const (
	plant policy.ProjectID = "plant"
	lab   policy.ProjectID = "lab"
)

// E5, E15: a binding is an account, one of its roles and a project. From the account's side they are
// its projects, from the project's side its accounts.
func (s *story) bindings() error {
	rosa, ada, err := s.both("Rosa", "Ada")
	if err != nil {
		return err
	}
	paul := s.ids["Paul"]
	err = rosa.Bind(s.ctx, // one account, several projects
		iam.Binding{Account: paul, Role: emqx.ProjectAdmin, Project: plant},
		iam.Binding{Account: paul, Role: emqx.ProjectUser, Project: lab},
	)
	if err != nil {
		return err
	}
	err = ada.Bind(s.ctx, // one project, several accounts
		iam.Binding{Account: paul, Role: emqx.ProjectUser, Project: plant},
		iam.Binding{Account: s.ids["Uma"], Role: emqx.ProjectUser, Project: plant},
	)
	if err != nil {
		return err
	}
	own, err := rosa.Bindings(s.ctx, paul)
	if err != nil {
		return err
	}
	for _, b := range own {
		s.say("Paul's projects: %s as %s", b.Project, b.Role)
	}
	for _, keyword := range []string{"", "UMA@"} {
		bound, err := ada.ProjectBindings(s.ctx, plant, iam.AccountQuery{Keyword: keyword})
		if err != nil {
			return err
		}
		for _, b := range bound {
			s.say("the plant's accounts, keyword %q: %s as %s", keyword, s.named(string(b.Account)), b.Role)
		}
	}
	return s.rolePerProject("Paul", plant, lab)
}

// rolePerProject prints that a role holds where it is bound, and nowhere else.
func (s *story) rolePerProject(name string, projects ...policy.ProjectID) error {
	sub, err := s.svc.Subject(s.ctx, s.ids[name])
	if err != nil {
		return err
	}
	for _, project := range projects {
		r := emqx.Deployment.In(acme, project)
		s.say("in the %s %s renames a deployment: %-5v deletes one: %v", project, name,
			s.svc.Can(sub, emqx.Rename, r), s.svc.Can(sub, emqx.Delete, r))
	}
	return nil
}

// E5, E6, E15: who is bound holds the role, a role of the whole organisation needs no binding, and root and
// administrators alone bind.
func (s *story) refusedBindings() error {
	rosa, paul, err := s.both("Rosa", "Paul")
	if err != nil {
		return err
	}
	for _, attempt := range []struct {
		what    string
		by      iam.Actor
		binding iam.Binding
	}{
		{"Otto, who holds no project role", rosa, iam.Binding{Account: s.ids["Otto"], Role: emqx.ProjectUser, Project: plant}},
		{"Uma by a project role that she does not hold", rosa, iam.Binding{Account: s.ids["Uma"], Role: emqx.ProjectAdmin, Project: plant}},
		{"Ada by her role in the organisation", rosa, iam.Binding{Account: s.ids["Ada"], Role: emqx.Administrator, Project: plant}},
		{"Paul binds Uma to the lab himself", paul, iam.Binding{Account: s.ids["Uma"], Role: emqx.ProjectUser, Project: lab}},
	} {
		if err := s.refused(attempt.what, attempt.by.Bind(s.ctx, attempt.binding)); err != nil {
			return err
		}
	}
	for _, name := range []string{"Ada", "Carl", "Otto", "Uma"} { // none of them is bound to the lab
		sub, err := s.svc.Subject(s.ctx, s.ids[name])
		if err != nil {
			return err
		}
		s.say("%-4s sees the lab: %v", name, s.svc.Can(sub, emqx.List, emqx.Project.In(acme, lab)))
	}
	return nil
}

// E3, E19: the rows of the matrix for one deployment. A feature of a plan holds for deployments of that plan, which
// the host says.
func (s *story) matrix() error {
	uma, err := s.svc.Subject(s.ctx, s.ids["Uma"])
	if err != nil {
		return err
	}
	press := emqx.Deployment.In(acme, plant).Named("press").With(emqx.Plan, "premium")
	belt := emqx.Deployment.In(acme, plant).Named("belt").With(emqx.Plan, "serverless")
	table := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  \tpress, premium\tbelt, serverless")
	for _, row := range []struct {
		title      string
		need, view policy.Permission // view is for the rows that can be read only
	}{
		{"View deployment details", emqx.DeploymentView, ""},
		{"Start/Stop the deployment", emqx.DeploymentStartStop, ""},
		{"Change deployment's name", emqx.DeploymentRename, ""},
		{"TLS/SSL configuration", emqx.DeploymentTLSManage, emqx.DeploymentTLSView},
		{"NAT gateway/Internal endpoint", emqx.DeploymentNATGatewayManage, emqx.DeploymentNATGatewayView},
		{"Cluster linking (Premium)", emqx.DeploymentClusterLinkingManage, emqx.DeploymentClusterLinkingView},
		{"Delete deployment", emqx.DeploymentDelete, ""},
	} {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", row.title, s.cell(uma, press, row.need, row.view), s.cell(uma, belt, row.need, row.view))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	s.say("why: %s", s.named(s.svc.Explain(uma, emqx.Manage, ofKind(emqx.DeploymentNATGateway, press)).String()))
	return nil
}

// cell is what a console shows for a permission: a button, a gray one, or none.
func (s *story) cell(sub iam.Subject, deployment policy.Resource, need, view policy.Permission) string {
	may := s.svc.Explain(sub, need.Action(), ofKind(need.Kind(), deployment))
	switch {
	case may.Allowed():
		return "✓"
	case view != "" && s.svc.Can(sub, view.Action(), ofKind(view.Kind(), deployment)):
		return "Read only"
	case may.Reason == policy.ConditionNotMet:
		return "not with this plan"
	default:
		return "✗"
	}
}

// ofKind is a facet of the deployment, such as its TLS: what a row of the matrix is asked about.
func ofKind(kind policy.Kind, deployment policy.Resource) policy.Resource {
	deployment.Kind = kind
	return deployment
}

// E16: a project can be opened to every sub-account, each with what its roles allow. Closed is the default.
func (s *story) openProject() error {
	ada, err := s.as("Ada")
	if err != nil {
		return err
	}
	for _, choice := range []struct {
		word   string
		choose func() error
	}{
		{"closed", func() error { return nil }},
		{"open", func() error { return ada.OpenProject(s.ctx, lab) }},
		{"closed again", func() error { return ada.CloseProject(s.ctx, lab) }},
	} {
		if err := choice.choose(); err != nil {
			return err
		}
		s.say("the lab is %s", choice.word)
		if err := s.rolePerProject("Uma", lab); err != nil {
			return err
		}
	}
	return nil
}
