package registry

import (
	"database/sql"
	"time"
)

// scanner is the Scan method of a row.
type scanner func(dest ...any) error

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, err error, one func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := one(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// pairs reads rows of (key, value).
func pairs(rows *sql.Rows, err error) ([]Pair, error) {
	return collect(rows, err, func(scan scanner) (p Pair, err error) {
		err = scan(&p.Key, &p.Value)
		return p, err
	})
}

// millis is a time as it is stored: milliseconds, NULL for the zero time.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// fromMillis is the inverse of millis.
func fromMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}
