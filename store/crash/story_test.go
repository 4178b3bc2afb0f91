package crash_test

import (
	"fmt"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// storyOf tells from an organisation's events alone what there must be in its rows (E17: an event for every
// change). What only one of the two knows was half done.
func storyOf(events []iam.Event) facts {
	s := facts{}
	for _, e := range events {
		s.tell(e)
	}
	for name, value := range s {
		if value == "0" {
			delete(s, name)
		}
	}
	return s
}

func (s facts) tell(e iam.Event) {
	before, after := map[string]string{}, map[string]string{}
	for _, c := range e.Changes {
		before[c.Field], after[c.Field] = c.Before, c.After
	}
	about := "account/" + e.Target + "/"
	switch e.Type {
	case iam.OrganizationCreated, iam.OrganizationUpdated:
		s["organization/name"] = after["name"]
	case iam.AccountCreated:
		s.account(about, after)
		if after["roles"] == "root" {
			s["organization/root"] = e.Target
		}
	case iam.AccountUpdated, iam.AccountRolesChanged, iam.AccountActivated, iam.AccountEnabled, iam.AccountDisabled:
		s.account(about, after)
	case iam.AccountDeleted:
		s.drop(about)
	case iam.InvitationSent, iam.InvitationResent:
		s[about+"invitation"] = "open"
		s.add("mails/"+e.Target+"/"+iam.MailInvitation, 1)
		delete(s, about+"links")
	case iam.InvitationLinked:
		s.add(about+"links", 1)
	case iam.InvitationAccepted:
		s[about+"status"], s[about+"invitation"], s[about+"password"] = after["status"], "accepted", "set"
		delete(s, about+"links")
	case iam.SignedIn:
		s[about+"session/"+after["session"]] = string(iam.Full)
	case iam.SignedOut:
		delete(s, about+"session/"+before["session"])
	case iam.SessionsEnded:
		s.drop(about + "session/")
	default:
		s.tellRights(e, about, before, after)
	}
}

func (s facts) tellRights(e iam.Event, about string, before, after map[string]string) {
	switch e.Type {
	case iam.ProjectBound:
		s[about+"bound/"+after["project"]+"/"+after["role"]] = "yes"
	case iam.ProjectUnbound:
		delete(s, about+"bound/"+before["project"]+"/"+before["role"])
	case iam.GrantGiven:
		s.add(about+"grant/"+after["grant"], 1)
	case iam.GrantRevoked:
		s.add(about+"grant/"+before["grant"], -1)
	case iam.ProjectOpened, iam.ProjectClosed:
		s["project/"+e.Target] = after["open"]
		s["host/"+e.Target] = "yes"
	case iam.ProjectForgotten:
		delete(s, "project/"+e.Target)
		place := " at " + policy.AtProject(e.Org, policy.ProjectID(e.Target)).String() + " "
		for name := range s {
			if strings.Contains(name+" ", place) {
				delete(s, name)
			}
		}
	case iam.QuotaChanged:
		s[about+"quota/"+after["kind"]] = after["most"]
	case iam.ResourceClaimed, iam.ResourceTransferred:
		s["holding/"+after["kind"]+"/"+e.Target] = after["holder"]
	case iam.ResourceReleased:
		delete(s, "holding/"+after["kind"]+"/"+e.Target)
	case iam.APIKeyCreated, iam.APIKeyUpdated:
		s["key/"+e.Target] = after["description"]
	case iam.APIKeyDeleted:
		delete(s, "key/"+e.Target)
	}
}

// account writes what an event says about the fields of an account.
func (s facts) account(about string, after map[string]string) {
	for _, field := range []string{"status", "email", "name", "roles"} {
		if value, said := after[field]; said {
			s[about+field] = value
		}
	}
}

func (s facts) add(name string, n int) { s[name] = fmt.Sprint(atoi(s[name]) + n) }

func (s facts) drop(beginning string) {
	for name := range s {
		if strings.HasPrefix(name, beginning) {
			delete(s, name)
		}
	}
}
