// Package outbox writes the mails that an organisation's accounts get: what each of them says, in
// which language, and that nothing a user typed does harm in one.
package outbox
