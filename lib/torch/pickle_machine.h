/* The stack machine that executes a pickle: its input bytes, its stack, and the values it
 * makes. The opcodes are in pickle_plain.c, pickle_many.c and pickle_object.c, listed in
 * pickle.c. */
#ifndef UNIC_TORCH_PICKLE_MACHINE_H
#define UNIC_TORCH_PICKLE_MACHINE_H

#include "torch/pickle.h"

typedef struct unic__pickle_machine {
    unic__arena *arena;
    size_t memory, memory_cap; /* bytes taken from the arena */
    const unsigned char *data;
    size_t size, at;
    size_t needed; /* the size that a pickle cut short must at least have; 0 */
    size_t opcodes;
    size_t searched; /* values that were looked through for what contains itself */
    unic__value **stack;
    size_t depth, stack_room;
    unic__value **memo; /* NULL where nothing was put */
    size_t memo_room, memo_count;
    unic__value *root;              /* set by STOP */
    unic__value *persistent, *last; /* the first and last of these objects; NULL */
} unic__pickle_machine;

extern unic__value unic__pickle_mark; /* its address is a MARK on the stack */

/* ---- the bytes of the pickle ---- */

unic_status unic__pickle_take(unic__pickle_machine *m, uint64_t n, const unsigned char **bytes);
/* `width` bytes, the lowest first, without and with a sign; of no bytes 0. */
unic_status unic__pickle_take_number(unic__pickle_machine *m, size_t width, uint64_t *x);
unic_status unic__pickle_take_signed(unic__pickle_machine *m, size_t width, int64_t *x);
/* Up to a newline, without it. */
unic_status unic__pickle_take_line(unic__pickle_machine *m, const char **line, size_t *size);
/* "-12": a line of digits, with or without `suffix` behind them. *beyond are the digits of a
 * number beyond 64 bits, else NULL; `size` theirs. */
unic_status unic__pickle_take_decimal(unic__pickle_machine *m, char suffix, int64_t *x,
                                      const char **beyond, size_t *size);

/* ---- the stack ---- */

unic_status unic__pickle_push(unic__pickle_machine *m, unic__value *v);
unic_status unic__pickle_push_new(unic__pickle_machine *m, unic__pickle_kind kind,
                                  unic__value **out);
/* These two fail at a MARK too. */
unic_status unic__pickle_top(const unic__pickle_machine *m, unic__value **out);
unic_status unic__pickle_pop(unic__pickle_machine *m, unic__value **out);
/* Takes the values above the last MARK, and it, off the stack; they stay readable there until
 * something is pushed. */
unic_status unic__pickle_pop_to_mark(unic__pickle_machine *m, unic__value ***items,
                                     size_t *count);
unic_status unic__pickle_want(const unic__value *v, unic__pickle_kind kind);

/* ---- values ---- */

/* Memory of the arena, below the cap. */
unic_status unic__pickle_grab(unic__pickle_machine *m, size_t bytes, void **out);
unic_status unic__pickle_new(unic__pickle_machine *m, unic__pickle_kind kind,
                             unic__value **out);

/*
 * Records that `parent` now contains `child`. A value that is contained in another is frozen,
 * and a frozen value takes no new children. So no cycle can be closed, and the child's depth
 * and nodes are final when they are added here.
 */
unic_status unic__pickle_adopt(unic__value *parent, unic__value *child);
/* Before `v` takes `count` values: puts None in its place wherever it stands in them. It is frozen
 * no longer if it stood nowhere else. */
unic_status unic__pickle_open_circles(unic__pickle_machine *m, unic__value *v,
                                      unic__value **items, size_t count);
/* To a tuple, list or dict: of a dict, keys and values by turns. */
unic_status unic__pickle_append(unic__pickle_machine *m, unic__value *many,
                                unic__value *const *items, size_t count);
/* The same for any value on the stack: into a tuple, list, dict or set of that `kind`, or, of a
 * list or dict, into the object that behaves like one. */
unic_status unic__pickle_put_into(unic__pickle_machine *m, unic__value *v,
                                  unic__pickle_kind kind, unic__value **items, size_t count);
/* What was put into an object; NULL when out of memory. */
unic_status unic__pickle_more(unic__pickle_machine *m, unic__value *call,
                              unic__value_more **out);

#endif
