package perms

func can(any, any) {}

func inside() {
	can(Renew, Order.Of("a")) // want order renew
	can(Renew, Bill.Of("a"))
}
