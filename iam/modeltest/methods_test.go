package modeltest_test

import (
	"reflect"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
)

// without are the methods that have no act, each with the reason.
var without = map[string]string{
	"Actor.APIKeys": "reads: check", "Actor.Account": "reads", "Actor.Accounts": "reads: check", "Actor.Bindings": "reads",
	"Actor.Checkpoint": "reads", "Actor.Events": "reads: verify", "Actor.Grants": "reads", "Actor.Holdings": "reads: check",
	"Actor.Invitations": "reads: check", "Actor.MailServer": "reads: check", "Actor.Mails": "reads", "Actor.Organization": "reads: check",
	"Actor.Preview": "reads", "Actor.ProjectBindings": "reads", "Actor.Projects": "reads: check", "Actor.Quotas": "reads: check",
	"Actor.RootOffer": "reads: check", "Actor.Shares": "reads", "Actor.VerifyEvents": "reads: verify",
	"Actor.Manage": "runs what a package brings: signin's acts do it", "Actor.Own": "runs what a package brings: signin's acts do it",

	"SystemActor.In": "makes an Actor", "SystemActor.CreateOrganization": "begins each story",

	"Service.AccountAt": "reads", "Service.Authorize": "decides", "Service.As": "makes an Actor", "Service.Attend": "runs what a package brings: signin's acts do it",
	"Service.Can": "decides: decisions", "Service.Check": "decides", "Service.Explain": "decides", "Service.Holder": "reads",
	"Service.Keys": "a setting", "Service.Link": "makes a text", "Service.LoginAddress": "makes a text", "Service.LookEmailChange": "reads",
	"Service.LookInvitation": "reads: Accept begins with it", "Service.MailServer": "reads", "Service.NewID": "makes an id", "Service.Now": "the clock",
	"Service.ParseEmail": "makes a value", "Service.Payer": "decides", "Service.Permissions": "decides: decisions", "Service.Pin": "writes a value down",
	"Service.Policy": "a setting", "Service.Rand": "a setting", "Service.Reach": "decides", "Service.Refresh": "reads: step ends with it",
	"Service.Revision": "reads: decisions", "Service.Run": "repeats Refresh", "Service.SubjectAtLeast": "reads: decisions", "Service.ReadyMail": "the post does it: deliver",
	"Service.RecordDenial": "writes an event alone, of what a host refused", "Service.RootLoginAddress": "makes a text", "Service.Rules": "a setting",
	"Service.SetPolicy": "the policy stays what it is in a story", "Service.Store": "a setting", "Service.Subject": "reads: who acts",
	"Service.SubjectOf": "reads: Session ends with it", "Service.SubjectOfKey": "reads: Key ends with it", "Service.Sweep": "removes what is over, of all stories of a database",
	"Service.System": "makes an Actor", "Service.Token": "reads", "Service.WhoCan": "reads", "Service.WithStore": "makes a Service",

	"signin.Fresh": "reads: paths", "signin.HasSecondFactor": "reads", "signin.LookReset": "reads: ResetPassword begins with it",
	"signin.Sessions": "reads", "signin.SessionsOf": "reads", "signin.WithStore": "makes a Service",
}

// TestEveryMethodHasAnAct fails for a method that no story tries, and for an act or a reason without a method.
func TestEveryMethodHasAnAct(t *testing.T) {
	t.Parallel()
	there := map[string]bool{"clock": true, "outbox": true}
	for prefix, of := range map[string]any{
		"Actor.": iam.Actor{}, "SystemActor.": iam.SystemActor{}, "Service.": new(iam.Service), "signin.": new(signin.Service),
	} {
		methods := reflect.TypeOf(of)
		for i := range methods.NumMethod() {
			name := prefix + methods.Method(i).Name
			there[name] = true
			_, acted := acts[name]
			if reason := without[name]; acted == (reason != "") {
				t.Errorf("%s: an act: %t, and a reason for none: %q", name, acted, reason)
			}
		}
	}
	for name := range acts {
		if !there[name] {
			t.Errorf("the act %s is of no method", name)
		}
	}
	for name := range without {
		if !there[name] {
			t.Errorf("the reason for %s is of no method", name)
		}
	}
}
