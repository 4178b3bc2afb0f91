// Package iam gives the customers of a backend their sub-accounts: people in an organisation, with
// roles, projects and grants, and an answer for every handler.
//
// Load a subject once a request, then decide as often as you like:
//
//	sub, err := svc.Subject(ctx, accountID)     // one round trip
//	if !svc.Can(sub, emqx.StartStop, deployment) { … }
//	if err := svc.Authorize(sub, emqx.StartStop, deployment); err != nil { … }
//	log.Print(svc.Explain(sub, emqx.StartStop, deployment))
//
// With Config.MaxStaleness subjects stay in memory, and most requests ask the database nothing: [Service.Run] keeps
// them fresh, and [Service.SubjectAtLeast] sees what another node wrote for the same client a moment ago.
//
// Can, Authorize and Explain always agree. Lists read the same table in other directions: Reach for
// a WHERE clause, Permissions for the buttons of a page, WhoCan for the people, Filter for a slice.
//
// Nothing is changed but through an [Actor]: svc.As(sub) acts for somebody, under the policy's own
// rows, and svc.System("reason") is the recorded bypass for seeds and migrations. A change, its
// audit event, the mail that it causes, and in a host's transaction (svc.WithStore) the host's own
// rows, commit together.
//
// People come in by invitation: [Actor.Invite] makes a pending account and queues a mail, whose link
// [Service.LookInvitation] shows and [Service.AcceptInvitation] uses up. The audit log is a chain of
// hashes: [Actor.Events] reads it, [Actor.VerifyEvents] finds what was tampered with.
//
// Programs act by API keys: [Actor.CreateAPIKey] makes one, which never does more than its account may now,
// within the key's scope. Package signin tells by its secret who comes.
//
// A [System] is a policy with the rules of its accounts' lives. Packages emqx, lanit and devicehub
// hold one each. Package signin adds passwords, second factors and sessions; package outbox sends the
// mail; package store implements [Store]; package iamhttp guards net/http handlers.
package iam
