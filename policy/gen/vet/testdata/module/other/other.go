package other

import (
	"example.com/other/perms"
	_ "example.com/shop/perms"
)

func another() { can(perms.Renew, perms.Order) }
