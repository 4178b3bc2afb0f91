//go:build cgo

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"github.com/openfga/language/pkg/go/transformer"
	"github.com/openfga/openfga/pkg/logger"
	"github.com/openfga/openfga/pkg/server"
	"github.com/openfga/openfga/pkg/server/config"
	"github.com/openfga/openfga/pkg/storage/migrate"
	"github.com/openfga/openfga/pkg/storage/sqlcommon"
	"github.com/openfga/openfga/pkg/storage/sqlite"
)

func openfgaEntries() []entry {
	known := knows{roles: true, projects: true, orgs: true, conditions: true, lists: true}
	const module, lists = "github.com/openfga/openfga", "ListObjects, ListUsers"
	return []entry{
		{name: "OpenFGA, SQLite", module: module, class: engine, knows: known, lists: lists, nodes: "reads the database",
			make: func() contestant { return new(openfga) }},
		{name: "OpenFGA, check cache", module: module, class: engine, knows: known, lists: lists, nodes: "reads the database, or its cache of 10 s",
			make: func() contestant { return &openfga{cached: true} }},
	}
}

// openfga is the server in this process, called without gRPC, on a SQLite database: its storage in memory scans all
// tuples for each it looks up. An organization's roles and a project's are relations, and so is each permission.
// The cache keeps answers for an hour, and its controller throws them away when it finds a change: it looks every
// 10 seconds, which is its default.
type openfga struct {
	cached       bool
	dir          string
	server       *server.Server
	store, model string
}

// fgaRelation is a permission's name as a relation's.
func fgaRelation(kind, action string) string {
	return strings.ReplaceAll(kind, ".", "_") + "_" + action
}

// fgaModel writes the model from the matrix.
func fgaModel(w *world) string {
	var org, project strings.Builder
	for _, role := range w.roles {
		fmt.Fprintf(&org, "    define %s: [account]\n", role)
	}
	for _, role := range bindable {
		fmt.Fprintf(&project, "    define %s: [account]\n", role)
	}
	for i := range w.permissions {
		p := &w.permissions[i]
		switch {
		case p.conditional:
		case p.inProjects:
			from := p.bound()
			for _, role := range p.orgWide() {
				from = append(from, role+" from org")
			}
			fmt.Fprintf(&project, "    define %s: %s\n", fgaRelation(p.kind, p.action), strings.Join(from, " or "))
		default:
			fmt.Fprintf(&org, "    define %s: %s\n", fgaRelation(p.kind, p.action), strings.Join(p.orgWide(), " or "))
		}
	}
	return "model\n  schema 1.1\ntype account\ntype organization\n  relations\n" + org.String() +
		"type project\n  relations\n    define org: [organization]\n" + project.String()
}

func (c *openfga) load(ctx context.Context, w *world) (err error) {
	if c.dir, err = os.MkdirTemp("", "peers-openfga-"); err != nil {
		return err
	}
	if err := c.migrate(); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return err
	}
	created, err := c.server.CreateStore(ctx, &openfgav1.CreateStoreRequest{Name: "peers"})
	if err != nil {
		return err
	}
	c.store = created.GetId()
	model, err := transformer.TransformDSLToProto(fgaModel(w))
	if err != nil {
		return err
	}
	written, err := c.server.WriteAuthorizationModel(ctx, &openfgav1.WriteAuthorizationModelRequest{
		StoreId: c.store, SchemaVersion: model.GetSchemaVersion(), TypeDefinitions: model.GetTypeDefinitions(),
	})
	if err != nil {
		return err
	}
	c.model = written.GetAuthorizationModelId()
	return c.write(ctx, w)
}

// gooseSettings guards the package variables of goose, which OpenFGA sets when it migrates a database and when it
// opens one: two at once, as tests load contestants, are a data race in them.
var gooseSettings sync.Mutex

func (c *openfga) migrate() error {
	gooseSettings.Lock()
	defer gooseSettings.Unlock()
	return migrate.RunMigrations(migrate.MigrationConfig{Engine: "sqlite", URI: c.uri(), Timeout: time.Minute, PingTimeout: 10 * time.Second})
}

func (c *openfga) uri() string { return "file:" + filepath.Join(c.dir, "world.db") }

// fgaBatch is how many tuples are written at once. The default of 100 would make loading minutes.
const fgaBatch = 5000

// fgaDeadline is for the reverse lists. The default of 3 s answers with what has been found until then, and does not
// say so: on a busy machine that was nothing.
const fgaDeadline = 5 * time.Minute

func (c *openfga) open() error {
	gooseSettings.Lock()
	datastore, err := sqlite.New(c.uri(), sqlcommon.NewConfig(
		sqlcommon.WithLogger(logger.NewNoopLogger()), sqlcommon.WithMaxTuplesPerWrite(fgaBatch)))
	gooseSettings.Unlock()
	if err != nil {
		return err
	}
	options := []server.OpenFGAServiceV1Option{
		server.WithDatastore(datastore), server.WithLogger(logger.NewNoopLogger()),
		server.WithExperimentals(config.DefaultConfig().Experimentals...),
		server.WithListObjectsDeadline(fgaDeadline), server.WithListUsersDeadline(fgaDeadline),
	}
	if c.cached {
		options = append(options, server.WithCheckQueryCacheEnabled(true), server.WithCheckCacheLimit(1_000_000),
			server.WithCheckQueryCacheTTL(time.Hour), server.WithCacheControllerEnabled(true))
	}
	c.server, err = server.NewServerWithOpts(options...)
	if err != nil {
		datastore.Close()
	}
	return err
}

// write writes the tuples: who has which role where, and which project is of which organization.
func (c *openfga) write(ctx context.Context, w *world) error {
	var tuples []*openfgav1.TupleKey
	flush := func() error {
		if len(tuples) == 0 {
			return nil
		}
		_, err := c.server.Write(ctx, &openfgav1.WriteRequest{
			StoreId: c.store, AuthorizationModelId: c.model, Writes: &openfgav1.WriteRequestWrites{TupleKeys: tuples},
		})
		tuples = nil
		return err
	}
	add := func(user, relation, object string) error {
		tuples = append(tuples, &openfgav1.TupleKey{User: user, Relation: relation, Object: object})
		if len(tuples) < fgaBatch {
			return nil
		}
		return flush()
	}
	for _, org := range w.orgs {
		for _, project := range w.projects {
			if err := add("organization:"+org, "org", fgaPlace(org, project)); err != nil {
				return err
			}
		}
	}
	for i := range w.accounts {
		a := &w.accounts[i]
		for _, role := range a.roles {
			if err := add("account:"+a.id, role, fgaPlace(a.org, "")); err != nil {
				return err
			}
		}
		for _, b := range a.bindings {
			if err := add("account:"+a.id, b.role, fgaPlace(a.org, b.project)); err != nil {
				return err
			}
		}
	}
	return flush()
}

// fgaPlace is a project, or an organization for what lies in no project.
func fgaPlace(org, project string) string {
	if project == "" {
		return "organization:" + org
	}
	return "project:" + org + "/" + project
}

func (c *openfga) can(ctx context.Context, r *request) (bool, error) {
	answer, err := c.server.Check(ctx, &openfgav1.CheckRequest{
		StoreId: c.store, AuthorizationModelId: c.model,
		TupleKey: &openfgav1.CheckRequestTupleKey{User: "account:" + r.account, Relation: fgaRelation(r.kind, r.action), Object: fgaPlace(r.org, r.project)},
	})
	return answer.GetAllowed(), err
}

func (c *openfga) which(ctx context.Context, ask *whichAsk) ([]string, error) {
	answer, err := c.server.ListObjects(ctx, &openfgav1.ListObjectsRequest{
		StoreId: c.store, AuthorizationModelId: c.model, Type: "project",
		Relation: fgaRelation(ask.kind, ask.action), User: "account:" + ask.account,
	})
	if err != nil {
		return nil, err
	}
	all := make([]string, 0, len(answer.GetObjects()))
	for _, object := range answer.GetObjects() {
		all = append(all, strings.TrimPrefix(object, "project:"+ask.org+"/"))
	}
	return all, nil
}

func (c *openfga) who(ctx context.Context, ask *whoAsk) ([]string, error) {
	answer, err := c.server.ListUsers(ctx, &openfgav1.ListUsersRequest{
		StoreId: c.store, AuthorizationModelId: c.model,
		Object:   &openfgav1.Object{Type: "project", Id: ask.org + "/" + ask.project},
		Relation: fgaRelation(ask.kind, ask.action), UserFilters: []*openfgav1.UserTypeFilter{{Type: "account"}},
	})
	if err != nil {
		return nil, err
	}
	all := make([]string, 0, len(answer.GetUsers()))
	for _, user := range answer.GetUsers() {
		all = append(all, user.GetObject().GetId())
	}
	return all, nil
}

func (c *openfga) revoke(ctx context.Context, a *account, b binding) error {
	_, err := c.server.Write(ctx, &openfgav1.WriteRequest{
		StoreId: c.store, AuthorizationModelId: c.model,
		Deletes: &openfgav1.WriteRequestDeletes{TupleKeys: []*openfgav1.TupleKeyWithoutCondition{
			{User: "account:" + a.id, Relation: b.role, Object: fgaPlace(a.org, b.project)},
		}},
	})
	return err
}

func (c *openfga) second(context.Context) (contestant, error) {
	other := &openfga{cached: c.cached, dir: c.dir, store: c.store, model: c.model}
	err := other.open()
	other.dir = "" // the first node's
	return other, err
}

func (c *openfga) close() error {
	if c.server != nil {
		c.server.Close() // and its datastore
	}
	if c.dir == "" {
		return nil
	}
	return os.RemoveAll(c.dir)
}
