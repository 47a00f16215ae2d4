package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Postgres is a PostgreSQL server, by its address as libpq reads it:
// postgres://user:password@host:5432/database?sslmode=require. What the address
// leaves out is found in PGHOST, PGUSER, PGPASSWORD, ~/.pgpass and the like.
type Postgres struct{ Address string }

// ParsePostgres reads an address. An error does not show it: it may hold a password.
func ParsePostgres(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil { // which may quote a part of the password
		return nil, errors.New("the address is no URL; in a password, / is written %2F, # %23, @ %40 and % %25")
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("the address begins with %q and not with postgres://", u.Scheme+":")
	}
	return u, nil
}

// open implements Source.
func (p Postgres) open(ctx context.Context, query string) (cursor, error) {
	if _, err := ParsePostgres(p.Address); err != nil {
		return nil, err
	}
	config, err := pgconn.ParseConfig(p.Address)
	if err != nil {
		return nil, errors.New("the address cannot be read: look at its parameters (sslmode, port, …)") // the error shows the address
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	config.RuntimeParams["application_name"] = "pipe"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["datestyle"] = "ISO"
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, connectError(err, config)
	}
	described, err := conn.Prepare(ctx, "", query, nil)
	if err != nil {
		return nil, errors.Join(queryError(err, query), conn.Close(ctx))
	}
	c := &postgresCursor{ctx: ctx, conn: conn, query: query}
	formats := make([]int16, len(described.Fields))
	for i, f := range described.Fields {
		t := postgresType(f.DataTypeOID)
		formats[i] = t.format
		c.types = append(c.types, t)
		c.cols = append(c.cols, column{f.Name, t.typ})
	}
	if len(described.ParamOIDs) > 0 {
		return nil, errors.Join(errors.New("the query has places for values ($1); write the values into it, as ${params.NAME}"), conn.Close(ctx))
	}
	if len(c.cols) > 0 {
		c.rows = conn.ExecPrepared(ctx, "", nil, nil, formats)
	}
	return c, nil
}

// connectError says where it was tried, and what the server says, without the
// address.
func connectError(err error, config *pgconn.Config) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return fmt.Errorf("connect to the database %q at %s as %s: %s", config.Database, config.Host, config.User, pe.Message)
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	if config.Password != "" {
		text = strings.ReplaceAll(text, config.Password, "…")
	}
	return fmt.Errorf("connect to the database %q at %s:%d as %s: %s", config.Database, config.Host, config.Port, config.User, strings.TrimSpace(text))
}

// queryError is what the server says of a query, with the place in it.
func queryError(err error, query string) error {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return err
	}
	text := pe.Message
	if at := int(pe.Position); at > 0 && at <= len([]rune(query))+1 {
		before := string([]rune(query)[:at-1])
		text += fmt.Sprintf(" (line %d, column %d of the query)", strings.Count(before, "\n")+1, len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))+1)
	}
	if pe.Hint != "" {
		text += "; " + pe.Hint
	}
	return errors.New(text)
}

type postgresCursor struct {
	ctx   context.Context
	conn  *pgconn.PgConn
	rows  *pgconn.ResultReader
	query string
	types []postgresColumn
	cols  []column
}

func (c *postgresCursor) columns() []column { return c.cols }

func (c *postgresCursor) next(row []any) (err error) {
	if !c.rows.NextRow() {
		_, err := c.rows.Close()
		if err == nil {
			return io.EOF
		}
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		return queryError(err, c.query)
	}
	for i, b := range c.rows.Values() {
		if b == nil {
			row[i] = nil
			continue
		}
		if row[i], err = c.types[i].read(b); err != nil {
			return fmt.Errorf("column %q: %w", c.cols[i].name, err)
		}
	}
	return nil
}

// Close ends the connection; rows that were not read do not come.
func (c *postgresCursor) Close() error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.ctx))
	cancel() // without a farewell to a server that is busy with rows
	_ = c.conn.Close(ctx)
	return nil
}
