#include "duck.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

typedef uint64_t idx_t;
typedef int state; // 0 is success
typedef struct {
	idx_t column_count, row_count, rows_changed;
	void *columns;
	char *error_message;
	void *internal_data;
} result;

state duckdb_create_config(void **);
state duckdb_set_config(void *, const char *, const char *);
void duckdb_destroy_config(void **);
state duckdb_open_ext(const char *, void **, void *, char **);
void duckdb_close(void **);
state duckdb_connect(void *, void **);
void duckdb_disconnect(void **);
void duckdb_interrupt(void *);
void duckdb_free(void *);
state duckdb_query(void *, const char *, result *);
const char *duckdb_result_error(result *);
void duckdb_destroy_result(result *);
idx_t duckdb_extract_statements(void *, const char *, void **);
const char *duckdb_extract_statements_error(void *);
void duckdb_destroy_extracted(void **);
state duckdb_prepare_extracted_statement(void *, void *, idx_t, void **);
const char *duckdb_prepare_error(void *);
int duckdb_prepared_statement_type(void *);
void duckdb_destroy_prepare(void **);
idx_t duckdb_nparams(void *);
idx_t duckdb_prepared_statement_column_count(void *);
const char *duckdb_prepared_statement_column_name(void *, idx_t);
void *duckdb_prepared_statement_column_logical_type(void *, idx_t);
int duckdb_get_type_id(void *);
void duckdb_destroy_logical_type(void **);
state duckdb_execute_prepared_streaming(void *, result *);
void *duckdb_fetch_chunk(result);
void duckdb_destroy_data_chunk(void **);
idx_t duckdb_data_chunk_get_column_count(void *);
void *duckdb_data_chunk_get_vector(void *, idx_t);
void duckdb_data_chunk_set_size(void *, idx_t);
void *duckdb_vector_get_column_type(void *);
void duckdb_vector_reference_vector(void *, void *);
void duckdb_connection_get_arrow_options(void *, void **);
void duckdb_destroy_arrow_options(void **);
void *duckdb_to_arrow_schema(void *, void **, const char **, idx_t, struct ArrowSchema *);
void *duckdb_data_chunk_to_arrow(void *, void *, struct ArrowArray *);
void *duckdb_schema_from_arrow(void *, struct ArrowSchema *, void **);
void duckdb_destroy_arrow_converted_schema(void **);
void *duckdb_data_chunk_from_arrow(void *, struct ArrowArray *, void *, void **);
const char *duckdb_error_data_message(void *);
bool duckdb_error_data_has_error(void *);
void duckdb_destroy_error_data(void **);
void *duckdb_create_table_function(void);
void duckdb_table_function_set_name(void *, const char *);
void duckdb_table_function_set_extra_info(void *, void *, void (*)(void *));
void duckdb_table_function_set_bind(void *, void (*)(void *));
void duckdb_table_function_set_init(void *, void (*)(void *));
void duckdb_table_function_set_function(void *, void (*)(void *, void *));
void duckdb_table_function_supports_projection_pushdown(void *, bool);
state duckdb_register_table_function(void *, void *);
void duckdb_destroy_table_function(void **);
void *duckdb_bind_get_extra_info(void *);
void duckdb_bind_add_result_column(void *, const char *, void *);
void duckdb_bind_set_cardinality(void *, idx_t, bool);
void *duckdb_init_get_extra_info(void *);
void duckdb_init_set_init_data(void *, void *, void (*)(void *));
idx_t duckdb_init_get_column_count(void *);
idx_t duckdb_init_get_column_index(void *, idx_t);
void duckdb_init_set_max_threads(void *, idx_t);
void duckdb_init_set_error(void *, const char *);
void *duckdb_function_get_init_data(void *);
void duckdb_function_set_error(void *, const char *);

enum { STATEMENT_SELECT = 1 };

struct duck {
	void *db, *con, *arrow; // arrow is a connection for conversions while con runs
	void *options;
	void *statement;
	result result;
	bool running;
};

static char *copy(const char *s) { return strdup(s && *s ? s : "an unknown error"); }

// failure takes the message out of an error and destroys it.
static char *failure(void *error) {
	char *out = NULL;
	if (error && duckdb_error_data_has_error(error)) {
		out = copy(duckdb_error_data_message(error));
	}
	if (error) {
		duckdb_destroy_error_data(&error);
	}
	return out;
}

char *duck_open(int n, char **names, char **values, duck **out) {
	void *config = NULL;
	char *error = NULL;
	duck *d = calloc(1, sizeof *d);
	*out = d;
	if (duckdb_create_config(&config)) {
		return copy("no configuration could be made");
	}
	for (int i = 0; i < n && !error; i++) {
		if (duckdb_set_config(config, names[i], values[i])) {
			error = copy(names[i]);
		}
	}
	char *said = NULL;
	if (!error && duckdb_open_ext(NULL, &d->db, config, &said)) {
		error = copy(said);
		duckdb_free(said);
	}
	duckdb_destroy_config(&config);
	if (!error && (duckdb_connect(d->db, &d->con) || duckdb_connect(d->db, &d->arrow))) {
		error = copy("no connection could be made");
	}
	if (!error) {
		duckdb_connection_get_arrow_options(d->arrow, &d->options);
	}
	return error;
}

char *duck_run(duck *d, const char *sql) {
	result r = {0};
	char *error = NULL;
	if (duckdb_query(d->con, sql, &r)) {
		error = copy(duckdb_result_error(&r));
	}
	duckdb_destroy_result(&r);
	return error;
}

char *duck_prepare(duck *d, const char *sql) {
	if (d->statement) {
		duckdb_destroy_prepare(&d->statement);
	}
	void *all = NULL;
	char *error = NULL;
	idx_t n = duckdb_extract_statements(d->con, sql, &all);
	if (n == 0) {
		const char *said = duckdb_extract_statements_error(all);
		error = copy(said && *said ? said : "there is no statement");
	} else if (n > 1) {
		error = copy("there is more than one statement");
	} else if (duckdb_prepare_extracted_statement(d->con, all, 0, &d->statement)) {
		error = copy(duckdb_prepare_error(d->statement));
	} else if (duckdb_prepared_statement_type(d->statement) != STATEMENT_SELECT) {
		error = copy("it is no query: only SELECT, WITH, VALUES and FROM give rows and change nothing");
	} else if (duckdb_nparams(d->statement) > 0) {
		error = copy("it has placeholders; write ${params.NAME}");
	}
	duckdb_destroy_extracted(&all);
	return error;
}

char *duck_schema(duck *d, struct ArrowSchema *out, int *types, int most) {
	idx_t n = duckdb_prepared_statement_column_count(d->statement);
	if (n > (idx_t)most) {
		return copy("the result has too many columns");
	}
	void **logical = calloc(n + 1, sizeof *logical);
	const char **names = calloc(n + 1, sizeof *names);
	for (idx_t i = 0; i < n; i++) {
		logical[i] = duckdb_prepared_statement_column_logical_type(d->statement, i);
		names[i] = duckdb_prepared_statement_column_name(d->statement, i);
		types[i] = duckdb_get_type_id(logical[i]);
	}
	char *error = failure(duckdb_to_arrow_schema(d->options, logical, names, n, out));
	for (idx_t i = 0; i < n; i++) {
		duckdb_destroy_logical_type(&logical[i]);
		duckdb_free((void *)names[i]);
	}
	free(logical);
	free(names);
	return error;
}

char *duck_execute(duck *d) {
	d->running = true;
	if (duckdb_execute_prepared_streaming(d->statement, &d->result)) {
		return copy(duckdb_result_error(&d->result));
	}
	return NULL;
}

char *duck_fetch(duck *d, struct ArrowArray *out, int *done) {
	void *chunk = duckdb_fetch_chunk(d->result);
	if (!chunk) {
		const char *said = duckdb_result_error(&d->result);
		*done = 1;
		return said && *said ? copy(said) : NULL;
	}
	char *error = failure(duckdb_data_chunk_to_arrow(d->options, chunk, out));
	duckdb_destroy_data_chunk(&chunk);
	return error;
}

void duck_interrupt(duck *d) { duckdb_interrupt(d->con); }

void duck_close(duck *d) {
	if (!d) {
		return;
	}
	if (d->running) {
		duckdb_destroy_result(&d->result);
	}
	if (d->statement) {
		duckdb_destroy_prepare(&d->statement);
	}
	if (d->options) {
		duckdb_destroy_arrow_options(&d->options);
	}
	if (d->con) {
		duckdb_disconnect(&d->con);
	}
	if (d->arrow) {
		duckdb_disconnect(&d->arrow);
	}
	if (d->db) {
		duckdb_close(&d->db);
	}
	free(d);
}

// input is a table function that gives the rows of one input.
typedef struct {
	duck *d;
	uintptr_t handle;
	int64_t rows;
	idx_t n;
	char **names;
	void **types;
} input;

static void input_free(void *p) {
	input *in = p;
	for (idx_t i = 0; i < in->n; i++) {
		free(in->names[i]);
		duckdb_destroy_logical_type(&in->types[i]);
	}
	free(in->names);
	free(in->types);
	free(in);
}

static void input_bind(void *info) {
	input *in = duckdb_bind_get_extra_info(info);
	for (idx_t i = 0; i < in->n; i++) {
		duckdb_bind_add_result_column(info, in->names[i], in->types[i]);
	}
	if (in->rows >= 0) {
		duckdb_bind_set_cardinality(info, in->rows, true);
	}
}

// scan is one reading of an input; a query may read one several times.
typedef struct {
	duck *d;
	struct ArrowArrayStream stream;
	void *converted;
	idx_t n;
	int *places; // for each column that is wanted its place in the stream; -1 for none
} scan;

static void scan_free(void *p) {
	scan *s = p;
	if (s->stream.release) {
		s->stream.release(&s->stream);
	}
	if (s->converted) {
		duckdb_destroy_arrow_converted_schema(&s->converted);
	}
	free(s->places);
	free(s);
}

static void input_init(void *info) {
	input *in = duckdb_init_get_extra_info(info);
	scan *s = calloc(1, sizeof *s);
	duckdb_init_set_init_data(info, s, scan_free);
	duckdb_init_set_max_threads(info, 1); // rows come in their order
	s->d = in->d;
	s->n = duckdb_init_get_column_count(info);
	s->places = calloc(s->n + 1, sizeof *s->places);
	// The columns that are wanted, in the order of the table and each once.
	int *wanted = calloc(in->n + 1, sizeof *wanted);
	for (idx_t i = 0; i < s->n; i++) {
		idx_t column = duckdb_init_get_column_index(info, i);
		if (column < in->n) {
			wanted[column] = 1;
		}
	}
	int *list = calloc(in->n + 1, sizeof *list), *place = calloc(in->n + 1, sizeof *place), n = 0;
	for (idx_t c = 0; c < in->n; c++) {
		if (wanted[c]) {
			place[c] = n;
			list[n++] = c;
		}
	}
	for (idx_t i = 0; i < s->n; i++) {
		idx_t column = duckdb_init_get_column_index(info, i);
		s->places[i] = column < in->n ? place[column] : -1;
	}
	char *error = pipeDuckOpen(in->handle, list, n, &s->stream);
	struct ArrowSchema schema = {0};
	if (!error && s->stream.get_schema(&s->stream, &schema)) {
		error = copy(s->stream.get_last_error(&s->stream));
	}
	if (!error) {
		error = failure(duckdb_schema_from_arrow(in->d->arrow, &schema, &s->converted));
	}
	if (schema.release) {
		schema.release(&schema);
	}
	if (error) {
		duckdb_init_set_error(info, error);
	}
	free(error);
	free(wanted);
	free(list);
	free(place);
}

static void input_next(void *info, void *output) {
	scan *s = duckdb_function_get_init_data(info);
	struct ArrowArray array = {0};
	if (s->stream.get_next(&s->stream, &array)) {
		duckdb_function_set_error(info, s->stream.get_last_error(&s->stream));
		return;
	}
	if (!array.release) {
		duckdb_data_chunk_set_size(output, 0);
		return;
	}
	idx_t rows = array.length;
	void *chunk = NULL;
	char *error = failure(duckdb_data_chunk_from_arrow(s->d->arrow, &array, s->converted, &chunk));
	if (error) {
		duckdb_function_set_error(info, error);
		free(error);
	} else {
		for (idx_t i = 0; i < s->n; i++) {
			if (s->places[i] >= 0) {
				duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(output, i), duckdb_data_chunk_get_vector(chunk, s->places[i]));
			}
		}
		duckdb_data_chunk_set_size(output, rows);
	}
	if (chunk) {
		duckdb_destroy_data_chunk(&chunk);
	}
	if (array.release) {
		array.release(&array);
	}
}

// column_types asks an empty chunk for the types of DuckDB that a schema has.
static char *column_types(duck *d, input *in, struct ArrowSchema *schema) {
	void *converted = NULL, *chunk = NULL;
	char *error = failure(duckdb_schema_from_arrow(d->arrow, schema, &converted));
	struct ArrowArray empty = {0};
	if (!error) {
		pipeDuckEmpty(in->handle, &empty);
		error = failure(duckdb_data_chunk_from_arrow(d->arrow, &empty, converted, &chunk));
	}
	for (idx_t i = 0; !error && i < in->n; i++) {
		in->types[i] = duckdb_vector_get_column_type(duckdb_data_chunk_get_vector(chunk, i));
	}
	if (empty.release) {
		empty.release(&empty);
	}
	if (chunk) {
		duckdb_destroy_data_chunk(&chunk);
	}
	if (converted) {
		duckdb_destroy_arrow_converted_schema(&converted);
	}
	return error;
}

char *duck_input(duck *d, const char *name, uintptr_t handle, struct ArrowSchema *schema, int64_t rows) {
	input *in = calloc(1, sizeof *in);
	in->d = d;
	in->handle = handle;
	in->rows = rows;
	in->n = schema->n_children;
	in->names = calloc(in->n + 1, sizeof *in->names);
	in->types = calloc(in->n + 1, sizeof *in->types);
	for (idx_t i = 0; i < in->n; i++) {
		in->names[i] = strdup(schema->children[i]->name);
	}
	char *error = column_types(d, in, schema);
	if (error) {
		input_free(in);
		return error;
	}
	void *f = duckdb_create_table_function();
	duckdb_table_function_set_name(f, name);
	duckdb_table_function_set_extra_info(f, in, input_free);
	duckdb_table_function_set_bind(f, input_bind);
	duckdb_table_function_set_init(f, input_init);
	duckdb_table_function_set_function(f, input_next);
	duckdb_table_function_supports_projection_pushdown(f, true);
	if (duckdb_register_table_function(d->con, f)) {
		error = copy("a table function could not be registered");
	}
	duckdb_destroy_table_function(&f);
	return error;
}
