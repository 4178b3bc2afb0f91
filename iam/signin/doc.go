// Package signin lets the accounts of package iam in: passwords, a second factor, sessions.
//
//	in, err := signin.New(svc, signin.Config{})
//	opened, err := in.SignIn(ctx, signin.SignInParams{Org: org, Email: email, Password: password})
//	sub, session, err := in.Session(ctx, iam.ParseToken(cookie))    // each request
//
// A sign-in opens a session, whose token the client keeps: a cookie, or the word behind Bearer. A
// session is [iam.Full], or it has a [iam.Stage] that must come first: a second factor's code, its
// enrollment, a new password. The method for that stage hands out the next session; nothing else
// takes one that is not Full (SB-43).
//
// Whoever is told no is told the same, after the same work, whether there is such an account or
// not: [ErrCredentials], or an [iam.ErrThrottled] (SB-24, SB-25). The audit log knows why.
//
// A program comes with an API key in place of a session: [Service.Key] (E18). Neither is taken for the other.
//
// An account that was not invited, such as a new organisation's root, has no password: it begins with
// [Service.RequestReset].
//
// Call the methods in a context that says where the request came from ([iam.WithOrigin]): addresses
// are throttled too, and are part of the log. A host with its own sign-in leaves this package out.
package signin
