/* The opcodes, by what they make; pickle.c has the table. `arg` is what opcodes of one function
 * differ in: a width in bytes, a kind, a count. */
#ifndef UNIC_TORCH_PICKLE_OPCODES_H
#define UNIC_TORCH_PICKLE_OPCODES_H

#include "torch/pickle_machine.h"

typedef unic_status unic__pickle_op(unic__pickle_machine *m, unsigned arg);

unic__pickle_op unic__pickle_op_append;
unic__pickle_op unic__pickle_op_bool;
unic__pickle_op unic__pickle_op_build;
unic__pickle_op unic__pickle_op_bytes;
unic__pickle_op unic__pickle_op_collect;
unic__pickle_op unic__pickle_op_dup;
unic__pickle_op unic__pickle_op_empty;
unic__pickle_op unic__pickle_op_extend;
unic__pickle_op unic__pickle_op_float;
unic__pickle_op unic__pickle_op_float_line;
unic__pickle_op unic__pickle_op_frame;
unic__pickle_op unic__pickle_op_get;
unic__pickle_op unic__pickle_op_inst;
unic__pickle_op unic__pickle_op_int_line;
unic__pickle_op unic__pickle_op_long;
unic__pickle_op unic__pickle_op_mark;
unic__pickle_op unic__pickle_op_memoize;
unic__pickle_op unic__pickle_op_name_lines;
unic__pickle_op unic__pickle_op_name_stack;
unic__pickle_op unic__pickle_op_natural;
unic__pickle_op unic__pickle_op_new_named;
unic__pickle_op unic__pickle_op_obj;
unic__pickle_op unic__pickle_op_persistent;
unic__pickle_op unic__pickle_op_persistent_line;
unic__pickle_op unic__pickle_op_pop;
unic__pickle_op unic__pickle_op_pop_mark;
unic__pickle_op unic__pickle_op_proto;
unic__pickle_op unic__pickle_op_put;
unic__pickle_op unic__pickle_op_reduce;
unic__pickle_op unic__pickle_op_set_item;
unic__pickle_op unic__pickle_op_signed;
unic__pickle_op unic__pickle_op_stop;
unic__pickle_op unic__pickle_op_string_line;
unic__pickle_op unic__pickle_op_text;
unic__pickle_op unic__pickle_op_text_line;
unic__pickle_op unic__pickle_op_tuple;

#endif
