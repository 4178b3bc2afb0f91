package store

import "gorm.io/gorm"

// walk selects rows of an organisation in the order of their ids, behind one or from the first. PostgreSQL takes an
// organisation that is given for no part of the order: to list a big one it would walk the index of the ids
// alone, through the rows of all others, until it has a page. So there the order is that of organisations and ids.
func (r *reader) walk(db *gorm.DB, org, after string) *gorm.DB {
	if r.dialect.walks {
		return db.Where("(org_id, id) > (?, ?) AND org_id <= ?", org, after, org).Order("org_id, id")
	}
	if after != "" {
		db = db.Where("id > ?", after)
	}
	return db.Where("org_id = ?", org).Order("id")
}

// walkBack is walk from the last id, or from before one, to the first.
func (r *reader) walkBack(db *gorm.DB, org, before string) *gorm.DB {
	switch {
	case r.dialect.walks && before == "":
		return db.Where("org_id >= ? AND org_id <= ?", org, org).Order("org_id DESC, id DESC")
	case r.dialect.walks:
		return db.Where("(org_id, id) < (?, ?) AND org_id >= ?", org, before, org).Order("org_id DESC, id DESC")
	case before != "":
		db = db.Where("id < ?", before)
	}
	return db.Where("org_id = ?", org).Order("id DESC")
}
