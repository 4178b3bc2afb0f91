package adminhttp_test

import (
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// input is a request that would do something, but for its method and path, which are the document's. In braces stand
// the names of ids, in query and body too.
type input struct {
	ids   map[string]string
	query string
	body  string
}

// calls are the requests of all operations, each with what it is aimed at, made in the organisation. Who asks is told, for
// what is aimed at oneself. TestEveryOperationIsCalled fails for one that is missing.
func calls() map[string]func(o *org, who policy.AccountID) input {
	plain := func(*org, policy.AccountID) input { return input{} }
	member := func(o *org) map[string]string { return map[string]string{"account": string(o.account(o.least))} }
	atMember := func(o *org, _ policy.AccountID) input { return input{ids: member(o)} }
	atInvited := func(o *org, _ policy.AccountID) input {
		return input{ids: map[string]string{"account": string(o.invited())}}
	}
	atProject := func(*org, policy.AccountID) input { return input{ids: map[string]string{"project": "p1"}} }
	all := map[string]func(o *org, who policy.AccountID) input{
		"getOrganization": plain,
		"updateOrganization": func(*org, policy.AccountID) input {
			return input{body: `{"name":"Other testers","second_factor":"required"}`}
		},
		"getOwnAccount": plain,
		"listOwnPermissions": func(*org, policy.AccountID) input {
			return input{ids: map[string]string{"project": "p1"}, query: "project={project}"}
		},
		"listRoles": plain,
		"getMatrix": plain,

		"listAccounts": func(o *org, _ policy.AccountID) input {
			return input{ids: map[string]string{"project": "p1"}, query: "limit=2&keyword=member&status=active&role=" + string(o.least)}
		},
		"createAccount": func(o *org, who policy.AccountID) input {
			return input{body: `{"email":"` + address("made") + `","roles":["` + string(o.least) + `"],"profile":{"name":"Made"}` + o.quotas(who) + `}`}
		},
		"getAccount": atMember,
		"updateProfile": func(o *org, _ policy.AccountID) input {
			return input{ids: member(o), body: `{"name":"Changed","note":"changed"}`}
		},
		"setRoles": func(o *org, _ policy.AccountID) input {
			return input{ids: member(o), body: `{"roles":["` + string(o.other) + `"]}`}
		},
		"activateAccount": func(o *org, _ policy.AccountID) input {
			return input{ids: map[string]string{"account": string(o.create(false, o.least))}}
		},
		"disableAccount": atMember,
		"enableAccount": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			must(o.system().Disable(o.Context(), policy.AccountID(ids["account"])))(o)
			return input{ids: ids}
		},
		"deleteAccount": atMember,
		"previewRemoval": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			o.waits(policy.AccountID(ids["account"]))
			o.grant(policy.AccountID(ids["account"]))
			o.holds(policy.AccountID(ids["account"]))
			o.key(policy.AccountID(ids["account"]))
			return input{ids: ids}
		},
		"handOver": func(o *org, who policy.AccountID) input {
			from, to := o.under(who), o.under(who)
			ids := map[string]string{"account": string(from), "to": string(to)}
			o.grant(from)
			o.holds(from)
			o.holds(from)
			o.room(to, 1) // for one of the two
			return input{ids: ids, body: `{"to":"{to}","then":"disable"}`}
		},
		"changeEmail": func(o *org, _ policy.AccountID) input {
			return input{ids: member(o), body: `{"email":"` + address("next") + `"}`}
		},
		"cancelEmailChange": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			o.waits(policy.AccountID(ids["account"]))
			return input{ids: ids}
		},

		"listInvitations": func(o *org, who policy.AccountID) input {
			o.invited()
			return input{ids: map[string]string{"by": string(who)}, query: "open=true&by={by}"}
		},
		"invite": func(o *org, who policy.AccountID) input {
			password := ""
			if o.svc.Rules().FirstPassword == iam.ByCreator {
				password = `,"password":"Correct-Horse 9 ` + address("battery") + `"`
			}
			return input{body: `{"email":"` + address("invited") + `","roles":["` + string(o.least) + `"]` + password + o.quotas(who) + `}`}
		},
		"importInvitations": func(o *org, _ policy.AccountID) input {
			return input{body: "email,roles\n" + address("listed") + "," + string(o.least) + "\nnobody,none\n"}
		},
		"resendInvitation":   atInvited,
		"makeInvitationLink": atInvited,
		"revokeInvitation":   atInvited,

		"listAccountBindings": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			o.bound(policy.AccountID(ids["account"]), "p1")
			return input{ids: ids}
		},
		"bindAccount": func(o *org, _ policy.AccountID) input {
			return input{ids: member(o), body: `{"bindings":[{"role":"` + string(o.least) + `","project":"p1"},{"role":"` + string(o.least) + `","project":"p2"}]}`}
		},
		"unbindAccount": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			o.bound(policy.AccountID(ids["account"]), "p1")
			return input{ids: ids, body: `{"bindings":[{"role":"` + string(o.least) + `","project":"p1"}]}`}
		},
		"listProjectBindings": func(o *org, _ policy.AccountID) input {
			o.bound(o.account(o.least), "p1")
			return input{ids: map[string]string{"project": "p1"}, query: "keyword=member"}
		},
		"bindProject": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			ids["project"] = "p1"
			return input{ids: ids, body: `{"bindings":[{"account":"{account}","role":"` + string(o.least) + `"}]}`}
		},
		"unbindProject": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			ids["project"] = "p1"
			o.bound(policy.AccountID(ids["account"]), "p1")
			return input{ids: ids, body: `{"bindings":[{"account":"{account}","role":"` + string(o.least) + `"}]}`}
		},
		"listProjects": func(o *org, _ policy.AccountID) input {
			o.ok(o.system().OpenProject(o.Context(), "p1"))
			return input{}
		},
		"openProject": func(o *org, _ policy.AccountID) input {
			o.ok(o.system().CloseProject(o.Context(), "p1"))
			return atProject(o, "")
		},
		"closeProject": func(o *org, _ policy.AccountID) input {
			o.ok(o.system().OpenProject(o.Context(), "p1"))
			return atProject(o, "")
		},

		"listGrants": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			o.grant(policy.AccountID(ids["account"]))
			return input{ids: ids}
		},
		"giveGrant": func(o *org, _ policy.AccountID) input {
			return input{ids: member(o), body: `{"permission":"` + string(o.task) + `","until":"` + o.clock.now().Add(time.Hour).Format(time.RFC3339) + `"}`}
		},
		"revokeGrant": func(o *org, _ policy.AccountID) input {
			return input{ids: map[string]string{"grant": string(o.grant(o.account(o.least)))}}
		},

		"listEvents": func(o *org, who policy.AccountID) input {
			ids := map[string]string{"target": string(o.account(o.least)), "actor": string(who)}
			return input{ids: ids, query: "target={target}&actor={actor}&type=account.created&outcome=done&limit=1"}
		},
		"exportEventsCSV":  func(*org, policy.AccountID) input { return input{query: "from=2026-01-01T00:00:00Z"} },
		"exportEventsJSON": func(*org, policy.AccountID) input { return input{query: "to=2027-01-01T00:00:00%2B02:00"} },
		"getCheckpoint":    plain,
		"verifyEvents":     func(*org, policy.AccountID) input { return input{body: `{}`} },

		"listMails": func(o *org, _ policy.AccountID) input {
			ids := map[string]string{"account": string(o.invited())}
			return input{ids: ids, query: "account={account}&state=queued"}
		},
		"getMailServer": func(o *org, _ policy.AccountID) input { o.mailServer(); return input{} },
		"setMailServer": func(*org, policy.AccountID) input {
			return input{body: `{"host":"mail.example","port":465,"security":"tls","username":"u","password":"` + canary + `","from":"` + address("from") + `"}`}
		},
		"removeMailServer": func(o *org, _ policy.AccountID) input { o.mailServer(); return input{} },
		"testMailServer":   func(o *org, _ policy.AccountID) input { o.mailServer(); return input{} },

		"getRootOffer": func(o *org, who policy.AccountID) input { o.offer(who); return input{} },
		"offerRoot": func(o *org, _ policy.AccountID) input {
			return input{ids: map[string]string{"to": string(o.account(o.least))}, body: `{"to":"{to}"}`}
		},
		"withdrawRootOffer": func(o *org, who policy.AccountID) input { o.offer(who); return input{} },
		"acceptRoot":        func(o *org, who policy.AccountID) input { o.offer(who); return input{} },

		"listSessions": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			o.signedIn(ids["account"])
			return input{ids: ids}
		},
		"endSessions": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			o.signedIn(ids["account"])
			return input{ids: ids}
		},
		"sendReset": atMember,
		"setPassword": func(o *org, _ policy.AccountID) input {
			return input{ids: member(o), body: `{"password":"Correct-Horse 9 battery ` + canary + `"}`}
		},
		"unlockAccount": atMember,
		"resetSecondFactor": func(o *org, _ policy.AccountID) input {
			ids := member(o)
			credential := iam.Credential{Account: policy.AccountID(ids["account"]), Secret: must(o.svc.Keys().Seal(o.svc.Rand(), "totp", canary))(o)}
			o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.PutCredential(o.Context(), credential) }))
			return input{ids: ids}
		},
	}
	maps.Copy(all, heldCalls())
	maps.Copy(all, keyCalls())
	return all
}

// canary is a secret that no answer may have, and no log (SB-70, SB-82).
const canary = "canary-5f2b90"

// invited invites somebody past the policy, long enough ago that it can be sent again.
func (o *org) invited() policy.AccountID {
	o.Helper()
	i, _, err := o.system().Invite(o.Context(), iam.InviteParams{Email: address("invited"), Roles: []policy.Role{o.least}})
	o.ok(err)
	o.clock.advance(2 * time.Minute)
	return i.Account
}

// bound binds an account to a project, where the system has such a thing.
func (o *org) bound(account policy.AccountID, project policy.ProjectID) {
	o.Helper()
	if o.least == emqx.ProjectUser {
		o.ok(o.system().Bind(o.Context(), iam.Binding{Account: account, Role: o.least, Project: project}))
	}
}

func (o *org) grant(account policy.AccountID) iam.GrantID {
	o.Helper()
	return must(o.system().GiveGrant(o.Context(), account, policy.GrantPermission(o.task, policy.AtOrg(o.id))))(o).ID
}

// waits lets a change of address wait for the account.
func (o *org) waits(account policy.AccountID) {
	o.Helper()
	change := iam.EmailChange{Account: account, Email: iam.Email(address("next")), Created: o.clock.now(), Expires: o.clock.now().Add(time.Hour)}
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.PutEmailChange(o.Context(), change) }))
}

// offer lets an offer of the root account wait for the account: past the rules, for not every system hands root over.
func (o *org) offer(to policy.AccountID) {
	o.Helper()
	if to == "" {
		return
	}
	offer := iam.RootOffer{From: o.root, To: to, Created: o.clock.now(), Expires: o.clock.now().Add(time.Hour)}
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.PutRootOffer(o.Context(), offer) }))
}

func (o *org) mailServer() {
	o.Helper()
	server := iam.MailServer{Host: "mail.example", Port: 25, Security: "plain", From: address("from"), Updated: o.clock.now()}
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.PutMailServer(o.Context(), server) }))
}

// signedIn gives the account a session.
func (o *org) signedIn(account string) {
	o.Helper()
	now := o.clock.now()
	session := iam.Session{
		ID: iam.SessionID("s-" + account), Org: o.id, Account: policy.AccountID(account), Hash: iam.TokenHash(address(canary)), Stage: iam.Full,
		Created: now, Seen: now, Fresh: now, Idle: time.Hour, Expires: now.Add(time.Hour), Peer: "192.0.2.7", Agent: "test/1.0",
	}
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.InsertSession(o.Context(), session) }))
}

// fill replaces the names of ids.
func fill(text string, ids map[string]string, escape func(string) string) string {
	for name, id := range ids {
		text = strings.ReplaceAll(text, "{"+name+"}", escape(id))
	}
	return text
}

func asIs(text string) string { return text }

// call sends the request of an operation.
func (h *host) call(op *operation, who policy.AccountID, in input) *httptest.ResponseRecorder {
	h.Helper()
	path := prefix + fill(op.path, in.ids, url.PathEscape)
	if in.query != "" {
		path += "?" + fill(in.query, in.ids, url.QueryEscape)
	}
	return h.request(op.method, path, who, op.media, fill(in.body, in.ids, asIs))
}

// TestEveryOperationIsCalled fails when an operation is added that the tests do not call.
func TestEveryOperationIsCalled(t *testing.T) {
	t.Parallel()
	all := calls()
	h := newHost(t, systems()[0])
	for _, op := range h.operations() {
		if all[op.id] == nil {
			t.Errorf("calls has no request of %s", op.id)
		}
		delete(all, op.id)
	}
	for id := range all {
		t.Errorf("calls has a request of %s, which is no operation", id)
	}
}
