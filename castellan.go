// Package castellan is an embeddable authorization library: sub-accounts for the
// organisations that are your customers, with roles, projects, and one question in
// every handler: Can(subject, action, resource).
//
// This package holds the two files at the root of the module, model.conf and
// policy.csv, and nothing else. The work is done by its neighbours:
//
//   - policy decides. It compiles a CSV of rules, through Casbin, into a table.
//   - iam knows organisations, accounts, invitations, bindings and grants, and who may change them.
//   - iam/emqx, iam/lanit and iam/devicehub are three ready systems.
//   - iam/signin lets accounts in: passwords, a second factor, sessions.
//   - iam/signinhttp puts that behind routes: JSON, and plain pages.
//   - iam/outbox sends the mail that changes cause, through iam/smtp.
//   - iam/iamhttp guards net/http handlers.
//   - iam/iamtest attacks a host, in the host's own tests.
//   - store keeps everything in your own database, through GORM.
//
// Start with the README, then with package iam.
package castellan

import _ "embed"

//go:embed model.conf
var model string

//go:embed policy.csv
var policyCSV string

// Model returns the Casbin model: the text of model.conf.
func Model() string { return model }

// PolicyCSV returns the EMQX Platform policy: the text of policy.csv.
func PolicyCSV() string { return policyCSV }
