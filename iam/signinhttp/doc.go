// Package signinhttp lets people sign in over HTTP: everything that package iam/signin does, as JSON and as plain
// pages.
//
// Most hosts need three calls: [New], [Handler.Mount] beside their own routes, and [Handler.Subject] for the guard in
// front of those:
//
//	door, err := signinhttp.New(in, svc, signinhttp.Config{Product: "Example Console"})
//	guard := iamhttp.New(svc, nil, iamhttp.Config{Subject: door.Subject})
//	mux.Handle("/", guard.Load(console))
//	door.Mount(mux)
//
// The paths of the login addresses and of the pages that mails lead to are those of the service's BaseURL and Paths, so
// that they cannot differ from what is in the mails. All others stand beside root's login address: see [Links]. Each
// takes a form (application/x-www-form-urlencoded), and then answers with a page or with the way to the next one, or
// JSON, and then answers with JSON. A GET is answered with a page where the Accept header names text/html, or where
// there is nothing else.
//
// # Routes
//
// These are the default paths, with the fields of what is sent; the first five are those of iam.Config.Paths. A field with
// a question mark may be left out. Each path but those marked POST shows a page by GET, and what is marked JSON
// answers a GET with JSON too.
//
//	/o/{org}/login                         email, password, bearer?
//	/login                                 the same, for root (E10)
//	/activate                        JSON  token, name?, password?    an invitation
//	/reset                           JSON  token, password, bearer?   a forgotten password; a sign-in begins
//	/confirm-email                   JSON  token                      a change of address
//	/o/{org}/login/forgot                  email                      asks for a link
//	/login/forgot                          the same, for root
//	/login/code                            code                       of the authenticator
//	/login/recovery                        code                       a recovery code
//	/login/enroll                                                     the secret of a second factor, with its picture
//	/login/enroll/confirm            POST  code                       its first code; answers with recovery codes
//	/login/password                        password                   in place of one that somebody else chose
//	/logout
//	/account                         JSON                             who is signed in, and what they may do
//	/account/password                      current, password
//	/account/confirm                       password                   once more, for what needs it
//	/account/email                         email                      asks for another address
//	/account/sessions                JSON
//	/account/sessions/{session}/end  POST
//	/account/sessions/end-others     POST
//	/account/second-factor           JSON
//	/account/second-factor/replace   POST  code                       another authenticator: as /login/enroll
//	/account/second-factor/remove    POST  code
//	/account/second-factor/codes     POST  code                       other recovery codes
//
// # What is answered
//
// A sign-in, and each step of one, is answered with the stage that comes next, "full" being the last:
//
//	{"stage":"second_factor","account":{"id":"…","org":"acme","email":"uma@acme.example"}}
//
// What is refused is an application/problem+json of package iamhttp, or the same in words:
//
//	400  the body is no JSON object, has another field, or one twice
//	401  there is no session, or none for this: sign in, or finish it; with
//	     WWW-Authenticate: Bearer error="insufficient_user_authentication" the password must be given again (RFC 9470)
//	403  a wrong address, password or code: which of them is not told (SB-24); a request of another site (SB-45)
//	409, 422  a value that cannot be, with its field
//	410  the link is not valid any more, or never was
//	413, 415  a body of more than 16 KiB; a body that is neither JSON nor a form
//	429  too many attempts; Retry-After says when to come back
//	503  too much to do at the moment (SB-07)
//
// For an address that is known and for one that is not, the answers are the same byte for byte.
//
// # The session
//
// The token is in a cookie with the name __Host-session: for this host alone, over TLS alone, and out of reach for
// scripts. It is SameSite=Lax, and not Strict, which would show everybody who follows a link from a mail into the console
// as signed out; what changes anything is a POST, which Lax does not send from elsewhere, and which is refused besides. The
// cookie ends with the browser, and the session when package signin says so. Each step of a sign-in hands out another
// token, and no step takes one that came from before (SB-37).
//
// With Config.Bearer, clients that are no browsers can have the token in the answer, by "bearer": true in the body, and
// send it as Authorization: Bearer from then on.
//
// # Pages
//
// The pages need no script and load nothing. A host replaces them one by one, or the style alone (Config.Pages), or shows
// its own in place of all (Config.App). GET never uses a link up, whoever follows it (SB-16): the token goes from the URL
// into the form, and from there into a body. It is never logged.
package signinhttp
