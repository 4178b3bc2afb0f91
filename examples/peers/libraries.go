package main

// libraryEntries are the small libraries for roles. Two of them know roles and permissions, and no accounts: the
// host finds the account's roles in a map of its own, and the library is asked about them. They are asked whether
// one of the roles has the permission at all, and nothing about projects and organizations.
func libraryEntries() []entry {
	return []entry{
		{name: "gorbac", module: "github.com/mikespook/gorbac", class: part, knows: knows{roles: true},
			lists: "none", nodes: "none", make: func() contestant { return new(gorbacRoles) }},
		{name: "euroteltr/rbac", module: "github.com/euroteltr/rbac", class: part, knows: knows{roles: true},
			lists: "none", nodes: "none", make: func() contestant { return new(euroteltrRoles) }},
		{name: "zpatrick/rbac", module: "github.com/zpatrick/rbac", class: library, knows: knows{roles: true, projects: true, orgs: true},
			lists: "a loop", nodes: "none", make: func() contestant { return new(zpatrickRoles) }},
	}
}

// rolesOf is the host's map of roles.
func rolesOf(w *world) map[string][]string {
	roles := make(map[string][]string, len(w.accounts))
	for i := range w.accounts {
		roles[w.accounts[i].id] = w.accounts[i].roles
	}
	return roles
}
