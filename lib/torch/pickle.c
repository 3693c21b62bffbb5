#include "torch/pickle_opcodes.h"

#include <string.h>

typedef unic__pickle_machine machine;

/* Those without a function are refused: what they do for Python is not done here. */
static const struct {
    const char *name;
    unic_status (*run)(machine *m, unsigned arg);
    unsigned arg;
} opcodes[256] = {
    [0x80] = {"PROTO", unic__pickle_op_proto, 0},
    [0x95] = {"FRAME", unic__pickle_op_frame, 0},
    ['.'] = {"STOP", unic__pickle_op_stop, 0},
    ['('] = {"MARK", unic__pickle_op_mark, 0},

    ['N'] = {"NONE", unic__pickle_op_empty, UNIC__PICKLE_NONE},
    [0x88] = {"NEWTRUE", unic__pickle_op_bool, true},
    [0x89] = {"NEWFALSE", unic__pickle_op_bool, false},
    ['I'] = {"INT", unic__pickle_op_int_line, true},
    ['L'] = {"LONG", unic__pickle_op_int_line, false},
    ['K'] = {"BININT1", unic__pickle_op_natural, 1},
    ['M'] = {"BININT2", unic__pickle_op_natural, 2},
    ['J'] = {"BININT", unic__pickle_op_signed, 4},
    [0x8A] = {"LONG1", unic__pickle_op_long, 1},
    [0x8B] = {"LONG4", unic__pickle_op_long, 4},
    ['G'] = {"BINFLOAT", unic__pickle_op_float, 0},
    ['V'] = {"UNICODE", unic__pickle_op_text_line, 0},
    [0x8C] = {"SHORT_BINUNICODE", unic__pickle_op_text, 1},
    ['X'] = {"BINUNICODE", unic__pickle_op_text, 4},
    [0x8D] = {"BINUNICODE8", unic__pickle_op_text, 8},
    ['C'] = {"SHORT_BINBYTES", unic__pickle_op_bytes, 1},
    ['B'] = {"BINBYTES", unic__pickle_op_bytes, 4},
    [0x8E] = {"BINBYTES8", unic__pickle_op_bytes, 8},
    [0x96] = {"BYTEARRAY8", unic__pickle_op_bytes, 8},

    [')'] = {"EMPTY_TUPLE", unic__pickle_op_empty, UNIC__PICKLE_TUPLE},
    [']'] = {"EMPTY_LIST", unic__pickle_op_empty, UNIC__PICKLE_LIST},
    ['}'] = {"EMPTY_DICT", unic__pickle_op_empty, UNIC__PICKLE_DICT},
    ['t'] = {"TUPLE", unic__pickle_op_collect, UNIC__PICKLE_TUPLE},
    ['l'] = {"LIST", unic__pickle_op_collect, UNIC__PICKLE_LIST},
    ['d'] = {"DICT", unic__pickle_op_collect, UNIC__PICKLE_DICT},
    [0x85] = {"TUPLE1", unic__pickle_op_tuple, 1},
    [0x86] = {"TUPLE2", unic__pickle_op_tuple, 2},
    [0x87] = {"TUPLE3", unic__pickle_op_tuple, 3},
    ['a'] = {"APPEND", unic__pickle_op_append, 0},
    ['e'] = {"APPENDS", unic__pickle_op_extend, UNIC__PICKLE_LIST},
    ['s'] = {"SETITEM", unic__pickle_op_set_item, 0},
    ['u'] = {"SETITEMS", unic__pickle_op_extend, UNIC__PICKLE_DICT},

    ['p'] = {"PUT", unic__pickle_op_put, 0},
    ['q'] = {"BINPUT", unic__pickle_op_put, 1},
    ['r'] = {"LONG_BINPUT", unic__pickle_op_put, 4},
    [0x94] = {"MEMOIZE", unic__pickle_op_memoize, 0},
    ['g'] = {"GET", unic__pickle_op_get, 0},
    ['h'] = {"BINGET", unic__pickle_op_get, 1},
    ['j'] = {"LONG_BINGET", unic__pickle_op_get, 4},

    ['c'] = {"GLOBAL", unic__pickle_op_name_lines, 0},
    [0x93] = {"STACK_GLOBAL", unic__pickle_op_name_stack, 0},
    ['Q'] = {"BINPERSID", unic__pickle_op_persistent, 0},
    ['R'] = {"REDUCE", unic__pickle_op_reduce, 0},
    ['b'] = {"BUILD", unic__pickle_op_build, 0},

    ['0'] = {"POP", unic__pickle_op_pop, 0},
    ['1'] = {"POP_MARK", unic__pickle_op_pop_mark, 0},
    ['2'] = {"DUP", unic__pickle_op_dup, 0},
    ['F'] = {"FLOAT", unic__pickle_op_float_line, 0},
    ['S'] = {"STRING", unic__pickle_op_string_line, 0},
    ['T'] = {"BINSTRING", unic__pickle_op_bytes, 4},
    ['U'] = {"SHORT_BINSTRING", unic__pickle_op_bytes, 1},
    ['P'] = {"PERSID", unic__pickle_op_persistent_line, 0},
    ['i'] = {"INST", unic__pickle_op_inst, 0},
    ['o'] = {"OBJ", unic__pickle_op_obj, 0},
    [0x81] = {"NEWOBJ", unic__pickle_op_reduce, 0},
    [0x92] = {"NEWOBJ_EX", unic__pickle_op_new_named, 0},
    [0x8F] = {"EMPTY_SET", unic__pickle_op_empty, UNIC__PICKLE_SET},
    [0x90] = {"ADDITEMS", unic__pickle_op_extend, UNIC__PICKLE_SET},
    [0x91] = {"FROZENSET", unic__pickle_op_collect, UNIC__PICKLE_SET},

    [0x82] = {"EXT1", NULL, 0},
    [0x83] = {"EXT2", NULL, 0},
    [0x84] = {"EXT4", NULL, 0},
    [0x97] = {"NEXT_BUFFER", NULL, 0},
    [0x98] = {"READONLY_BUFFER", NULL, 0},
};

static unic_status step(machine *m)
{
    const unsigned char *code = NULL;
    size_t start = m->at;
    unic_status status = unic__pickle_take(m, 1, &code);
    if (status != UNIC_OK)
        return unic__fail_in(status, "byte %zu", start);
    if (!opcodes[*code].name)
        return unic__fail(UNIC_E_FORMAT, "byte %zu: 0x%02X is no opcode", start, *code);
    if (m->opcodes++ == UNIC__PICKLE_OPCODES)
        status = unic__fail(UNIC_E_FORMAT, "more than %d opcodes", UNIC__PICKLE_OPCODES);
    else if (!opcodes[*code].run)
        status = unic__fail(UNIC_E_FORMAT, "an opcode that is not read: what it names stands "
                                           "outside of the pickle");
    else
        status = opcodes[*code].run(m, opcodes[*code].arg);
    return status == UNIC_OK
               ? UNIC_OK
               : unic__fail_in(status, "byte %zu, %s", start, opcodes[*code].name);
}

/* No opcode makes more than 64 bytes of itself; long texts are at most doubled. */
static size_t memory_cap(size_t size)
{
    size_t small = SIZE_MAX, large = SIZE_MAX;
    if (unic__mul_size(size, 64, &small))
        (void)unic__add_size(small, 1 << 20, &small);
    if (unic__mul_size(size, 4, &large))
        (void)unic__add_size(large, UNIC__PICKLE_MEMORY, &large);
    return small < large ? small : large;
}

unic_status unic__pickle_read(unic__pickle *out, const void *data, size_t size, size_t *used)
{
    *out = (unic__pickle){{NULL}, NULL, NULL};
    machine m = {.arena = &out->arena, .data = data, .size = size};
    m.memory_cap = memory_cap(size);
    unic_status status = UNIC_OK;
    while (status == UNIC_OK && !m.root)
        status = step(&m);
    unic__free(m.stack);
    unic__free(m.memo);
    *used = status == UNIC_OK ? m.at : m.needed;
    out->root = status == UNIC_OK ? m.root : NULL;
    out->persistent = status == UNIC_OK ? m.persistent : NULL;
    return status;
}

void unic__pickle_free(unic__pickle *pickle)
{
    unic__arena_free(&pickle->arena);
    pickle->root = pickle->persistent = NULL;
}
