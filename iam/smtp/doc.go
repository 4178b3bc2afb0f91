// Package smtp sends the mail of package iam through a mail server, and says what is wrong with the
// settings of one.
//
// Most hosts need two calls: [New] makes the [iam.Mailer] of a [Server], and [Diagnose] is what stands
// behind the button "Test" beside its settings:
//
//	report := smtp.Diagnose(ctx, server, account.Email, smtp.Config{Allow: smtp.PublicOnly})
//	if !report.OK() {
//		log.Print(report)
//	}
//
// Both hold the same conversation with the server, stage by stage, so that what the test saw is what a
// message meets. It is encrypted and the certificate is verified; there is no falling back to clear
// text, and no password is sent in it (SB-97).
//
// Package smtptest has a mail server for tests.
package smtp
