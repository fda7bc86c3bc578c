package store

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"hookrouter/models"
)

// SchemaState tells which migrations of this program the database lacks, and which it has that this program does not know because a newer
// one has been there. It changes nothing, unlike [Store.Migrate].
func (s *Store) SchemaState(ctx context.Context) (lacking, unknown []int64, err error) {
	folder, _ := s.dialect.migrations()
	names, err := fs.Glob(migrationFiles, folder+"/*.sql")
	if err != nil {
		return nil, nil, fmt.Errorf("read the schema's state: %w", err)
	}
	var known []int64
	for _, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, folder+"/"), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("read the schema's state: %w", err)
		}
		known = append(known, n)
	}
	applied, err := s.applied(ctx)
	if err != nil {
		return nil, nil, wrap("read the schema's state", err)
	}
	for _, n := range known {
		if !slices.Contains(applied, n) {
			lacking = append(lacking, n)
		}
	}
	for _, n := range applied {
		if !slices.Contains(known, n) {
			unknown = append(unknown, n)
		}
	}
	return lacking, unknown, nil
}

// applied are the numbers of the migrations that the database has had.
func (s *Store) applied(ctx context.Context) (list []int64, err error) {
	there := "SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'"
	if s.dialect.name() == "postgres" {
		there = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('goose_db_version')"
	}
	var n int
	if err := s.reader(ctx).Raw(there).Scan(&n).Error; err != nil || n == 0 {
		return nil, err
	}
	err = s.reader(ctx).Raw("SELECT DISTINCT version_id FROM goose_db_version WHERE is_applied AND version_id > 0 ORDER BY 1").Scan(&list).Error
	return list, err
}

// MasterKeyFits reports whether the database is marked with a master key yet. The error says that it is not among those given. It changes
// nothing, unlike [Store.CheckMasterKey].
func (s *Store) MasterKeyFits(ctx context.Context) (marked bool, err error) {
	const operation = "check master key"
	var sealed [][]byte
	if err := s.reader(ctx).Raw("SELECT sealed FROM key_checks WHERE id = 1").Scan(&sealed).Error; err != nil || len(sealed) == 0 {
		return false, wrap(operation, err)
	}
	text, err := s.keys.open(checkPlace, sealed[0])
	if err == nil && text != checkText {
		err = models.Errorf(models.CodeInvalid, "The mark of the database reads otherwise.")
	}
	return true, wrap(operation, err)
}
