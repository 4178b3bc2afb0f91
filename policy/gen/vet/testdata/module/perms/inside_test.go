package perms_test

import "example.com/shop/perms"

type Kind string

const Renew, Order = Kind("renew"), Kind("bill")

func can(any, any) {}

func outside() {
	can(perms.Renew, perms.Order) // want order renew
	can(Renew, Order)
}
