package outbox

import "slices"

// Name says which mail. It is the name of the mail's files: invitation.txt and invitation.html.
type Name string

// The mails. Behind each are the fields of [Data] that it needs beside Product and Recipient.Email.
const (
	// Invitation has the address that activates the account and the one to sign in at ever after
	// (E9, E10). Organization, Link, Expires, Lifetime, LoginAddress.
	Invitation Name = "invitation"
	// Reset lets somebody who forgot their password choose another. Link, Expires, Lifetime.
	Reset Name = "reset"
	// PasswordChanged is a notice. Time.
	PasswordChanged Name = "password_changed"
	// EmailChangeOld asks at the old address whether the change is wanted. NewEmail, Link, Expires,
	// Lifetime.
	EmailChangeOld Name = "email_change_old"
	// EmailChangeNew asks at the new address whether it is the account holder's. NewEmail, Link,
	// Expires, Lifetime.
	EmailChangeNew Name = "email_change_new"
	// EmailChanged is a notice to both addresses. OldEmail, NewEmail, Time.
	EmailChanged Name = "email_changed"
	// SecondFactorOn is a notice. Time.
	SecondFactorOn Name = "second_factor_on"
	// SecondFactorOff is a notice that the account holder turned it off. Time.
	SecondFactorOff Name = "second_factor_off"
	// SecondFactorReset is a notice that an administrator took it away. Time.
	SecondFactorReset Name = "second_factor_reset"
	// RecoveryCodeUsed says how many codes are left (SB-50). Time; CodesLeft may be 0.
	RecoveryCodeUsed Name = "recovery_code_used"
	// RecoveryCodesNew is a notice that the old codes are void. Time.
	RecoveryCodesNew Name = "recovery_codes_new"
	// RootOffer offers somebody the ownership of the organisation. Organization, Link, Expires,
	// Lifetime.
	RootOffer Name = "root_offer"
	// RootTransferred is a notice to the old owner and the new one. Organization, Owner, Time.
	RootTransferred Name = "root_transferred"
	// NewSignInLocked is a notice that too many sign-ins failed. Time. Expires says when the lock
	// ends; without it, it does not end by itself.
	NewSignInLocked Name = "new_sign_in_locked"
)

func names() []Name {
	return []Name{
		Invitation, Reset, PasswordChanged, EmailChangeOld, EmailChangeNew, EmailChanged, SecondFactorOn, SecondFactorOff,
		SecondFactorReset, RecoveryCodeUsed, RecoveryCodesNew, RootOffer, RootTransferred, NewSignInLocked,
	}
}

func (n Name) known() bool { return slices.Contains(names(), n) }

// needs are the fields of Data without which the mail would say nothing.
func (n Name) needs() []string {
	fields := []string{"Product", "Recipient.Email"}
	switch n {
	case Invitation:
		return append(fields, "Organization", "Link", "Expires", "Lifetime", "LoginAddress")
	case Reset:
		return append(fields, "Link", "Expires", "Lifetime")
	case EmailChangeOld, EmailChangeNew:
		return append(fields, "NewEmail", "Link", "Expires", "Lifetime")
	case EmailChanged:
		return append(fields, "OldEmail", "NewEmail", "Time")
	case RootOffer:
		return append(fields, "Organization", "Link", "Expires", "Lifetime")
	case RootTransferred:
		return append(fields, "Organization", "Owner", "Time")
	default:
		return append(fields, "Time")
	}
}

func (n Name) need(field string) bool { return slices.Contains(n.needs(), field) }
