# Rules of the EMQX Platform over documents: data.grants[permission] has the roles that allow, held in the
# organization or in a project; data.orgs[org][account] has the account's roles and its projects' roles.
package authz

account := data.orgs[input.org][input.account]

grants := data.grants[input.permission]

default allow := false

allow if {
	some role in account.roles
	grants.org[role]
}

allow if {
	some role in account.projects[input.project]
	grants.project[role]
}

# Which projects: all of the organization, or those that the account is bound to.
which contains project if {
	some role in account.roles
	grants.org[role]
	some project in data.projects
}

which contains project if {
	some project, roles in account.projects
	some role in roles
	grants.project[role]
}

# Who may in the project.
who contains id if {
	some id, member in data.orgs[input.org]
	some role in member.roles
	grants.org[role]
}

who contains id if {
	some id, member in data.orgs[input.org]
	some role in member.projects[input.project]
	grants.project[role]
}
