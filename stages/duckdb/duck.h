// The few functions of DuckDB's C API that a query over streams of Arrow needs,
// behind names of ours. The Go bindings link the library and leave Arrow to a
// build tag, so its functions are declared in duck.c; handles are pointers, as
// in the API, which is stable.
#ifndef PIPE_DUCK_H
#define PIPE_DUCK_H

#include <stdint.h>

struct ArrowSchema {
	const char *format;
	const char *name;
	const char *metadata;
	int64_t flags;
	int64_t n_children;
	struct ArrowSchema **children;
	struct ArrowSchema *dictionary;
	void (*release)(struct ArrowSchema *);
	void *private_data;
};

struct ArrowArray {
	int64_t length;
	int64_t null_count;
	int64_t offset;
	int64_t n_buffers;
	int64_t n_children;
	const void **buffers;
	struct ArrowArray **children;
	struct ArrowArray *dictionary;
	void (*release)(struct ArrowArray *);
	void *private_data;
};

struct ArrowArrayStream {
	int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
	int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
	const char *(*get_last_error)(struct ArrowArrayStream *);
	void (*release)(struct ArrowArrayStream *);
	void *private_data;
};

typedef struct duck duck;

// Each gives NULL, or an error that the caller frees.
char *duck_open(int n, char **names, char **values, duck **out);
char *duck_input(duck *d, const char *function, uintptr_t handle, struct ArrowSchema *schema, int64_t rows);
char *duck_run(duck *d, const char *sql);
char *duck_prepare(duck *d, const char *sql);
char *duck_schema(duck *d, struct ArrowSchema *out, int *types, int most);
char *duck_execute(duck *d);
char *duck_fetch(duck *d, struct ArrowArray *out, int *done);

void duck_interrupt(duck *d);
void duck_close(duck *d);

#endif
