package handlers_test

import (
	. "example.com/shop/perms"
)

func can(any, any) {}

func dotted() {
	can(Renew, Order.Of("a")) // want order renew
	can(Renew, Bill.Of("a"))
}

func hidden() {
	Order := Bill
	can(Renew, Order.Of("a"))
}
