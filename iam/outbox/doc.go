// Package outbox sends what the iam service queues: what each mail says, in which language, and
// that it goes out once, to whom it is still meant for.
//
//	mailer, err := smtp.New(server, smtp.Config{})
//	out, err := outbox.New(svc, mailer, outbox.Config{Product: "Acme Console"})
//	go out.Run(ctx)
//
// A mail is queued in the transaction of the change that causes it: without a commit there is none,
// and none is lost. Any number of nodes may run an [Outbox]; a mail is leased to one of them. When a node
// dies between handing a mail over and writing that down, the mail goes out once more, with the same
// Message-ID. Links are made when a mail is sent, so that the table holds none (SB-98).
//
// [Outbox.Run] looks for mails every two seconds; a host that calls [Outbox.Wake] behind a change need not wait for
// that. What a server does not take for now is tried again, a minute later, then two, then four, up to an hour, until
// its link ends; a mail without a link is tried for three days. Who invites sees how far a mail has come, and what
// the server said, in iam.Invitation.
//
// [Templates] are the texts: English ones are shipped, a host replaces or translates them.
package outbox
