package iamtest

import (
	"path"
	"reflect"

	"github.com/castellan-iam/castellan/iam"
)

// Doors are the routes of a host by which people come in, and are let in by others. The attacks need them, and say which
// of those that are missing they needed. In braces stand what a request has: org, email, password, current (the password
// before), token (of a link), code, next, account, role, name and cursor.
//
// A host with package signinhttp takes them from [SignInHTTP], one with adminhttp from [AdminHTTP], and one with both
// from SignInHTTP(svc).And(AdminHTTP(svc, prefix)).
type Doors struct {
	SignIn         Route // org, email, password: a session for a sub-account
	RootSignIn     Route // email, password: the same for root. Defaults to SignIn
	SignInForm     Route // org, email, password, next: as a browser sends it
	SignOut        Route
	Account        Route // what everybody may see who is signed in, and nobody else
	SecondFactor   Route // code: of the authenticator
	RecoveryCode   Route // code
	ChangePassword Route // current, password
	Forgot         Route // org, email: asks for a link
	Reset          Route // token, password
	Activate       Route // token, password: accepts an invitation

	Invite       Route // email, role, name, password
	Resend       Route // account
	Revoke       Route // account
	SetRoles     Route // account, role
	Disable      Route // account
	Delete       Route // account
	Accounts     Route // cursor: a page of the accounts, of one at best, as JSON; where it goes on is called next
	ExportEvents Route // the audit log as CSV
}

// SignInHTTP returns the doors of package signinhttp, which are where the service's BaseURL and Paths say. Without a
// BaseURL there are none.
func SignInHTTP(svc *iam.Service) Doors {
	rootAddress, err := svc.RootLoginAddress()
	if err != nil {
		return Doors{}
	}
	loginAddress, _ := svc.LoginAddress("{org}") // fails as the one before
	root, login := pathOf(rootAddress), pathOf(loginAddress)
	beside := path.Dir(root)
	account := path.Join(beside, "account")
	post := func(at, body string) Route { return Route{Pattern: "POST " + at, Body: body, Public: true} }
	activation := `{"token":"{token}"}`
	if svc.Rules().FirstPassword == iam.ByInvitee {
		activation = `{"token":"{token}","password":"{password}"}`
	}
	return Doors{
		SignIn:     post(login, `{"email":"{email}","password":"{password}"}`),
		RootSignIn: post(root, `{"email":"{email}","password":"{password}"}`),
		SignInForm: Route{
			Pattern: "POST " + login, Body: "email={email}&password={password}&next={next}", Type: typeForm, Public: true,
		},
		SignOut:        Route{Pattern: "POST " + path.Join(beside, "logout"), Public: true},
		Account:        Route{Pattern: "GET " + account + "/sessions"},
		SecondFactor:   post(root+"/code", `{"code":"{code}"}`),
		RecoveryCode:   post(root+"/recovery", `{"code":"{code}"}`),
		ChangePassword: Route{Pattern: "POST " + account + "/password", Body: `{"current":"{current}","password":"{password}"}`},
		Forgot:         post(login+"/forgot", `{"email":"{email}"}`),
		Reset:          post(linkPath(svc, iam.ForReset), `{"token":"{token}","password":"{password}"}`),
		Activate:       post(linkPath(svc, iam.ForInvitation), activation),
	}
}

func linkPath(svc *iam.Service, purpose iam.TokenPurpose) string {
	link, err := svc.Link(purpose, iam.Token{})
	if err != nil {
		return ""
	}
	return pathOf(link.Reveal())
}

// AdminHTTP returns the doors of package adminhttp below a prefix, with Config.SignIn.
func AdminHTTP(svc *iam.Service, prefix string) Doors {
	invitation := `{"email":"{email}","roles":["{role}"],"profile":{"name":"{name}"}}`
	if svc.Rules().FirstPassword == iam.ByCreator {
		invitation = `{"email":"{email}","roles":["{role}"],"profile":{"name":"{name}"},"password":"{password}"}`
	}
	return Doors{
		Invite:       Route{Pattern: "POST " + prefix + "/invitations", Body: invitation},
		Resend:       Route{Pattern: "POST " + prefix + "/invitations/{account}/resend"},
		Revoke:       Route{Pattern: "DELETE " + prefix + "/invitations/{account}"},
		SetRoles:     Route{Pattern: "PUT " + prefix + "/accounts/{account}/roles", Body: `{"roles":["{role}"]}`},
		Disable:      Route{Pattern: "POST " + prefix + "/accounts/{account}/disable"},
		Delete:       Route{Pattern: "DELETE " + prefix + "/accounts/{account}"},
		Accounts:     Route{Pattern: "GET " + prefix + "/accounts?limit=1&cursor={cursor}"},
		ExportEvents: Route{Pattern: "GET " + prefix + "/events/export.csv"},
	}
}

// And returns these doors, and the others where these have none.
func (d Doors) And(others Doors) Doors {
	mine, theirs := reflect.ValueOf(&d).Elem(), reflect.ValueOf(others)
	for i := range mine.NumField() {
		if mine.Field(i).IsZero() {
			mine.Field(i).Set(theirs.Field(i))
		}
	}
	return d
}

// named returns the door with the name of its field.
func (d Doors) named(name string) Route {
	return reflect.ValueOf(d).FieldByName(name).Interface().(Route)
}

// signInAt is where an account signs in (E10).
func (d Doors) signInAt(root bool) Route {
	if root && !d.RootSignIn.missing() {
		return d.RootSignIn
	}
	return d.SignIn
}

// all are those that there are.
func (d Doors) all() []Route {
	var all []Route
	doors := reflect.ValueOf(d)
	for i := range doors.NumField() {
		if rt := doors.Field(i).Interface().(Route); !rt.missing() {
			all = append(all, rt)
		}
	}
	return all
}
