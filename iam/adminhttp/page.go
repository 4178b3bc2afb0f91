package adminhttp

import (
	"strconv"
	"strings"

	"github.com/castellan-iam/castellan/iam"
)

// defaultPage is how many items a page has that was asked for without a limit. The largest page is half of
// what a store returns, so that one more can be read, which says whether another page follows.
const defaultPage = 100

// page is what every list that has pages is asked with.
type page struct {
	Limit  int    `query:"limit" min:"1" max:"500" doc:"The size of the page. Defaults to 100."`
	Cursor string `query:"cursor" doc:"next of the page before, asked with the same other parameters. Defaults to the first page."`
}

// size is how many items the page has.
func (p page) size() int {
	if p.Limit == 0 {
		return defaultPage
	}
	return p.Limit
}

// after returns the position behind which the page begins; "" for the first page.
func (c *call) after(p page) (string, error) {
	if p.Cursor == "" {
		return "", nil
	}
	position, err := c.cursors.open(p.Cursor, c.scope()...)
	if err != nil {
		return "", malformed("cursor", "want next of the page before, with the same other parameters")
	}
	return position, nil
}

// scope is what a cursor is good for: the organisation, the list by its path, and everything that the list was asked with.
func (c *call) scope() []string {
	query := c.r.URL.Query()
	query.Del("limit")
	query.Del("cursor")
	return []string{string(c.sub.Org()), c.r.URL.Path, query.Encode()}
}

// cut takes off the items that are too many for the page, and returns the cursor for them.
func cut[T any](c *call, p page, items []T, position func(T) string) ([]T, string) {
	if len(items) <= p.size() {
		return items, ""
	}
	items = items[:p.size()]
	return items, c.cursors.seal(position(items[len(items)-1]), c.scope()...)
}

// list converts items. It is never nil: an empty list is [] and not null.
func list[From, To any](items []From, convert func(From) To) []To {
	all := make([]To, 0, len(items))
	for _, item := range items {
		all = append(all, convert(item))
	}
	return all
}

// parsePosition reads what iam.EventPosition writes.
func parsePosition(text string) (iam.EventPosition, error) {
	var p iam.EventPosition
	revision, ordinal, ok := strings.Cut(text, ".")
	if !ok {
		return p, errCursor
	}
	var err error
	if p.Revision, err = strconv.ParseInt(revision, 10, 64); err != nil {
		return p, errCursor
	}
	if p.Ordinal, err = strconv.Atoi(ordinal); err != nil {
		return p, errCursor
	}
	return p, nil
}
