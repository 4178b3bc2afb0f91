package adminhttp

import "slices"

// routes are all of them, in the order of the document.
func routes() []route {
	return slices.Concat(
		organizationRoutes(), ownRoutes(), roleRoutes(), accountRoutes(), lifeRoutes(), addressRoutes(), invitationRoutes(),
		bindingRoutes(), grantRoutes(), holdingRoutes(), quotaRoutes(), keyRoutes(), eventRoutes(), mailRoutes(), serverRoutes(), rootRoutes(), signInRoutes(),
	)
}
