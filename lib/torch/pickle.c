#include "torch/pickle_machine.h"
#include "torch/pickle_value.h"

#include <string.h>

typedef unic__value value;
typedef unic__pickle_machine machine;

/* ---- opcodes: plain values --------------------------------------------------------------- */

static unic_status op_proto(machine *m, unsigned arg)
{
    uint64_t version = 0;
    (void)arg;
    UNIC__TRY(unic__pickle_take_number(m, 1, &version));
    return version <= 5 ? UNIC_OK
                        : unic__fail(UNIC_E_FORMAT, "is protocol %u, 0 to 5 expected",
                                     (unsigned)version);
}

/* A frame is only a hint for buffering; what is in it must be there. */
static unic_status op_frame(machine *m, unsigned arg)
{
    uint64_t size = 0;
    const unsigned char *frame = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_take_number(m, 8, &size));
    size_t start = m->at;
    UNIC__TRY(unic__pickle_take(m, size, &frame));
    m->at = start;
    return UNIC_OK;
}

static unic_status op_stop(machine *m, unsigned arg)
{
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &m->root));
    return m->depth == 0
               ? UNIC_OK
               : unic__fail(UNIC_E_FORMAT, "%zu values are left on the stack", m->depth);
}

static unic_status op_mark(machine *m, unsigned arg)
{
    (void)arg;
    return unic__pickle_push(m, &unic__pickle_mark);
}

/* NONE, EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT. */
static unic_status op_empty(machine *m, unsigned kind)
{
    value *v;
    return unic__pickle_push_new(m, (unic__pickle_kind)kind, &v);
}

static unic_status push_bool(machine *m, unsigned truth)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_BOOL, &v));
    v->as.truth = truth;
    return UNIC_OK;
}

static unic_status push_int(machine *m, int64_t x)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_INT, &v));
    v->as.integer = x;
    return UNIC_OK;
}

/* BININT1, BININT2: `width` bytes without a sign. */
static unic_status op_natural(machine *m, unsigned width)
{
    uint64_t x = 0;
    UNIC__TRY(unic__pickle_take_number(m, width, &x));
    return push_int(m, (int64_t)x);
}

/* BININT, and the body of LONG1 and LONG4: `width` bytes with one. */
static unic_status op_signed(machine *m, unsigned width)
{
    int64_t x = 0;
    UNIC__TRY(unic__pickle_take_signed(m, width, &x));
    return push_int(m, x);
}

/* LONG1, LONG4: a number of bytes, then these. */
static unic_status op_long(machine *m, unsigned width)
{
    uint64_t size = 0;
    UNIC__TRY(unic__pickle_take_number(m, width, &size));
    if (size > 8)
        return unic__fail(UNIC_E_FORMAT, "is an integer of %llu bytes, at most 8 expected",
                          (unsigned long long)size);
    return op_signed(m, (unsigned)size);
}

/* Protocol 0. "00" and "01" are False and True where `bools`. */
static unic_status op_int_line(machine *m, unsigned bools)
{
    int64_t x = 0;
    const unsigned char *line = m->data + m->at;
    if (bools && m->size - m->at >= 3 && line[0] == '0' && line[2] == '\n' &&
        (line[1] == '0' || line[1] == '1')) {
        m->at += 3;
        return push_bool(m, line[1] == '1');
    }
    UNIC__TRY(unic__pickle_take_decimal(m, bools ? '\0' : 'L', &x));
    return push_int(m, x);
}

static unic_status op_float(machine *m, unsigned arg)
{
    const unsigned char *bytes = NULL;
    value *v = NULL;
    uint64_t bits = 0;
    (void)arg;
    UNIC__TRY(unic__pickle_take(m, 8, &bytes));
    for (int i = 0; i < 8; i++) /* big-endian, as nothing else here */
        bits = bits << 8 | bytes[i];
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_FLOAT, &v));
    memcpy(&v->as.real, &bits, sizeof bits);
    return UNIC_OK;
}

static unic_status push_string(machine *m, unic__pickle_kind kind, unsigned width)
{
    uint64_t size = 0;
    const unsigned char *bytes = NULL;
    value *v = NULL;
    UNIC__TRY(unic__pickle_take_number(m, width, &size));
    UNIC__TRY(unic__pickle_take(m, size, &bytes));
    UNIC__TRY(unic__pickle_push_new(m, kind, &v));
    v->as.text.at = (const char *)bytes; /* as.bytes is the same */
    v->as.text.size = (size_t)size;
    return UNIC_OK;
}

static unic_status op_text(machine *m, unsigned width)
{
    return push_string(m, UNIC__PICKLE_TEXT, width);
}

static unic_status op_bytes(machine *m, unsigned width)
{
    return push_string(m, UNIC__PICKLE_BYTES, width);
}

static unic_status op_text_line(machine *m, unsigned arg)
{
    const char *line = NULL;
    size_t size = 0;
    value *v = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_take_line(m, &line, &size));
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_TEXT, &v));
    void *memory = NULL;
    UNIC__TRY(unic__pickle_grab(m, 2 * size, &memory));
    v->as.text.at = memory;
    return unic__pickle_unescape(memory, &v->as.text.size, line, size);
}

/* ---- opcodes: tuples, lists and dicts ---------------------------------------------------- */

static unic_status collect(machine *m, unic__pickle_kind kind, value *const *items,
                           size_t count)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_new(m, kind, &v));
    UNIC__TRY(unic__pickle_append(m, v, items, count)); /* they may still be on the stack */
    return unic__pickle_push(m, v);
}

/* TUPLE, LIST, DICT: of what stands above the last MARK. */
static unic_status op_collect(machine *m, unsigned kind)
{
    value **items = NULL;
    size_t count = 0;
    UNIC__TRY(unic__pickle_pop_to_mark(m, &items, &count));
    return collect(m, (unic__pickle_kind)kind, items, count);
}

static unic_status op_tuple(machine *m, unsigned count)
{
    value *items[3] = {NULL, NULL, NULL};
    for (size_t i = count; i-- > 0;)
        UNIC__TRY(unic__pickle_pop(m, &items[i]));
    return collect(m, UNIC__PICKLE_TUPLE, items, count);
}

static unic_status op_append(machine *m, unsigned arg)
{
    value *item = NULL, *list = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &item));
    UNIC__TRY(unic__pickle_top(m, &list));
    UNIC__TRY(unic__pickle_want(list, UNIC__PICKLE_LIST));
    return unic__pickle_append(m, list, &item, 1);
}

static unic_status op_set_item(machine *m, unsigned arg)
{
    value *pair[2] = {NULL, NULL}, *dict = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &pair[1]));
    UNIC__TRY(unic__pickle_pop(m, &pair[0]));
    UNIC__TRY(unic__pickle_top(m, &dict));
    UNIC__TRY(unic__pickle_want(dict, UNIC__PICKLE_DICT));
    return unic__pickle_append(m, dict, pair, 2);
}

/* APPENDS, SETITEMS: what stands above the last MARK goes into the value below it. */
static unic_status op_extend(machine *m, unsigned kind)
{
    value **items = NULL, *many = NULL;
    size_t count = 0;
    UNIC__TRY(unic__pickle_pop_to_mark(m, &items, &count));
    UNIC__TRY(unic__pickle_top(m, &many));
    UNIC__TRY(unic__pickle_want(many, (unic__pickle_kind)kind));
    return unic__pickle_append(m, many, items, count);
}

/* ---- opcodes: the memo ------------------------------------------------------------------- */

static unic_status put(machine *m, uint64_t index)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_top(m, &v));
    /* Every writer numbers in order: each number below has had its opcode. */
    if (index > m->opcodes)
        return unic__fail(UNIC_E_FORMAT, "the memo's number %llu comes after %zu opcodes",
                          (unsigned long long)index, m->opcodes);
    if (index >= m->memo_room) {
        size_t room = m->memo_room ? 2 * m->memo_room : 64;
        if (room <= index)
            room = (size_t)index + 1;
        value **memo = unic__realloc(m->memo, m->memo_room * sizeof(value *),
                                     room * sizeof(value *));
        if (!memo)
            return unic__no_memory(room * sizeof(value *), "a pickle's memo");
        memset(memo + m->memo_room, 0, (room - m->memo_room) * sizeof(value *));
        m->memo = memo;
        m->memo_room = room;
    }
    if (m->memo[index])
        return unic__fail(UNIC_E_FORMAT, "the memo's number %llu is set twice",
                          (unsigned long long)index);
    m->memo[index] = v;
    m->memo_count++;
    return UNIC_OK;
}

static unic_status get(machine *m, uint64_t index)
{
    if (index >= m->memo_room || !m->memo[index])
        return unic__fail(UNIC_E_FORMAT, "the memo has no number %llu",
                          (unsigned long long)index);
    return unic__pickle_push(m, m->memo[index]);
}

/* PUT and GET, BINPUT and BINGET, ...: a line or `width` bytes. */
static unic_status take_index(machine *m, unsigned width, uint64_t *index)
{
    int64_t x = 0;
    if (width)
        return unic__pickle_take_number(m, width, index);
    UNIC__TRY(unic__pickle_take_decimal(m, '\0', &x));
    *index = (uint64_t)x; /* a negative one is beyond every bound */
    return UNIC_OK;
}

static unic_status op_put(machine *m, unsigned width)
{
    uint64_t index = 0;
    UNIC__TRY(take_index(m, width, &index));
    return put(m, index);
}

static unic_status op_get(machine *m, unsigned width)
{
    uint64_t index = 0;
    UNIC__TRY(take_index(m, width, &index));
    return get(m, index);
}

static unic_status op_memoize(machine *m, unsigned arg)
{
    (void)arg;
    return put(m, m->memo_count);
}

/* ---- opcodes: names and what would be called --------------------------------------------- */

static unic_status push_name(machine *m, const char *module, size_t module_size,
                             const char *name, size_t name_size)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_NAME, &v));
    return unic__pickle_find_name(&v->as.name, module, module_size, name, name_size);
}

static unic_status op_name_lines(machine *m, unsigned arg)
{
    const char *module = NULL, *name = NULL;
    size_t module_size = 0, name_size = 0;
    (void)arg;
    UNIC__TRY(unic__pickle_take_line(m, &module, &module_size));
    UNIC__TRY(unic__pickle_take_line(m, &name, &name_size));
    return push_name(m, module, module_size, name, name_size);
}

static unic_status op_name_stack(machine *m, unsigned arg)
{
    value *module = NULL, *name = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &name));
    UNIC__TRY(unic__pickle_pop(m, &module));
    UNIC__TRY(unic__pickle_want(name, UNIC__PICKLE_TEXT));
    UNIC__TRY(unic__pickle_want(module, UNIC__PICKLE_TEXT));
    return push_name(m, module->as.text.at, module->as.text.size, name->as.text.at,
                     name->as.text.size);
}

static unic_status op_persistent(machine *m, unsigned arg)
{
    value *id = NULL, *v = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &id));
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_PERSISTENT, &v));
    v->as.id = id;
    return unic__pickle_adopt(v, id);
}

/* _codecs.encode(text, "latin1"). */
static unic_status encode(machine *m, const value *args)
{
    value *const *arg = args->as.many.items;
    bool latin1 = args->as.many.count == 2 && arg[0]->kind == UNIC__PICKLE_TEXT &&
                  (unic__value_is_text(arg[1], "latin1") ||
                   unic__value_is_text(arg[1], "latin-1"));
    if (!latin1)
        return unic__fail(UNIC_E_FORMAT, "encode makes bytes of (text, 'latin1') only");
    size_t size = arg[0]->as.text.size;
    value *v = NULL;
    void *memory = NULL;
    UNIC__TRY(unic__pickle_grab(m, size, &memory));
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_BYTES, &v));
    v->as.bytes.at = memory;
    return unic__pickle_to_latin1(memory, &v->as.bytes.size, arg[0]->as.text.at, size);
}

/* collections.OrderedDict() and, as protocols 0 to 2 have no opcode for it, bytes(). */
static unic_status make_empty(machine *m, unic__pickle_name name, const value *args)
{
    value *v = NULL;
    if (args->as.many.count)
        return unic__fail(UNIC_E_FORMAT, "%s is given %zu arguments, none expected",
                          unic__pickle_name_text(name), args->as.many.count);
    if (name == UNIC__NAME_ORDERED_DICT)
        return unic__pickle_push_new(m, UNIC__PICKLE_DICT, &v);
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_BYTES, &v));
    v->as.bytes.at = "";
    return UNIC_OK;
}

static unic_status op_reduce(machine *m, unsigned arg)
{
    value *args = NULL, *function = NULL, *v = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &args));
    UNIC__TRY(unic__pickle_pop(m, &function));
    UNIC__TRY(unic__pickle_want(args, UNIC__PICKLE_TUPLE));
    UNIC__TRY(unic__pickle_want(function, UNIC__PICKLE_NAME));
    unic__pickle_name name = function->as.name;
    if (name >= UNIC__NAME_NDARRAY)
        return unic__fail(UNIC_E_FORMAT, "%s is a name that may be mentioned, not called",
                          unic__pickle_name_text(name));
    if (name == UNIC__NAME_ENCODE)
        return encode(m, args);
    if (name == UNIC__NAME_ORDERED_DICT || name == UNIC__NAME_BYTES)
        return make_empty(m, name, args);
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_CALL, &v));
    v->as.call.function = name;
    v->as.call.args = args;
    return unic__pickle_adopt(v, args);
}

/* Gives an object its state. Attributes of an OrderedDict (a state_dict's "_metadata") go. */
static unic_status op_build(machine *m, unsigned arg)
{
    value *state = NULL, *v = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &state));
    UNIC__TRY(unic__pickle_top(m, &v));
    if (v->kind == UNIC__PICKLE_DICT)
        return UNIC_OK;
    bool has_state = unic__value_is_call(v, UNIC__NAME_ARRAY) ||
                     unic__value_is_call(v, UNIC__NAME_DTYPE);
    if (!has_state || v->as.call.state)
        return unic__fail(UNIC_E_FORMAT, "gives a state to %s, which takes none%s",
                          v->kind == UNIC__PICKLE_CALL
                              ? unic__pickle_name_text(v->as.call.function)
                              : unic__pickle_kind_name(v->kind),
                          has_state ? " beside its first" : "");
    UNIC__TRY(unic__pickle_adopt(v, state));
    v->as.call.state = state;
    return UNIC_OK;
}

/* ---- the machine ------------------------------------------------------------------------- */

/* Those without a function are refused: what they do for Python is not done here. */
static const struct {
    const char *name;
    unic_status (*run)(machine *m, unsigned arg);
    unsigned arg;
} opcodes[256] = {
    [0x80] = {"PROTO", op_proto, 0},
    [0x95] = {"FRAME", op_frame, 0},
    ['.'] = {"STOP", op_stop, 0},
    ['('] = {"MARK", op_mark, 0},

    ['N'] = {"NONE", op_empty, UNIC__PICKLE_NONE},
    [0x88] = {"NEWTRUE", push_bool, true},
    [0x89] = {"NEWFALSE", push_bool, false},
    ['I'] = {"INT", op_int_line, true},
    ['L'] = {"LONG", op_int_line, false},
    ['K'] = {"BININT1", op_natural, 1},
    ['M'] = {"BININT2", op_natural, 2},
    ['J'] = {"BININT", op_signed, 4},
    [0x8A] = {"LONG1", op_long, 1},
    [0x8B] = {"LONG4", op_long, 4},
    ['G'] = {"BINFLOAT", op_float, 0},
    ['V'] = {"UNICODE", op_text_line, 0},
    [0x8C] = {"SHORT_BINUNICODE", op_text, 1},
    ['X'] = {"BINUNICODE", op_text, 4},
    [0x8D] = {"BINUNICODE8", op_text, 8},
    ['C'] = {"SHORT_BINBYTES", op_bytes, 1},
    ['B'] = {"BINBYTES", op_bytes, 4},
    [0x8E] = {"BINBYTES8", op_bytes, 8},
    [0x96] = {"BYTEARRAY8", op_bytes, 8},

    [')'] = {"EMPTY_TUPLE", op_empty, UNIC__PICKLE_TUPLE},
    [']'] = {"EMPTY_LIST", op_empty, UNIC__PICKLE_LIST},
    ['}'] = {"EMPTY_DICT", op_empty, UNIC__PICKLE_DICT},
    ['t'] = {"TUPLE", op_collect, UNIC__PICKLE_TUPLE},
    ['l'] = {"LIST", op_collect, UNIC__PICKLE_LIST},
    ['d'] = {"DICT", op_collect, UNIC__PICKLE_DICT},
    [0x85] = {"TUPLE1", op_tuple, 1},
    [0x86] = {"TUPLE2", op_tuple, 2},
    [0x87] = {"TUPLE3", op_tuple, 3},
    ['a'] = {"APPEND", op_append, 0},
    ['e'] = {"APPENDS", op_extend, UNIC__PICKLE_LIST},
    ['s'] = {"SETITEM", op_set_item, 0},
    ['u'] = {"SETITEMS", op_extend, UNIC__PICKLE_DICT},

    ['p'] = {"PUT", op_put, 0},
    ['q'] = {"BINPUT", op_put, 1},
    ['r'] = {"LONG_BINPUT", op_put, 4},
    [0x94] = {"MEMOIZE", op_memoize, 0},
    ['g'] = {"GET", op_get, 0},
    ['h'] = {"BINGET", op_get, 1},
    ['j'] = {"LONG_BINGET", op_get, 4},

    ['c'] = {"GLOBAL", op_name_lines, 0},
    [0x93] = {"STACK_GLOBAL", op_name_stack, 0},
    ['Q'] = {"BINPERSID", op_persistent, 0},
    ['R'] = {"REDUCE", op_reduce, 0},
    ['b'] = {"BUILD", op_build, 0},

    ['0'] = {"POP", NULL, 0},
    ['1'] = {"POP_MARK", NULL, 0},
    ['2'] = {"DUP", NULL, 0},
    ['F'] = {"FLOAT", NULL, 0},
    ['S'] = {"STRING", NULL, 0},
    ['T'] = {"BINSTRING", NULL, 0},
    ['U'] = {"SHORT_BINSTRING", NULL, 0},
    ['P'] = {"PERSID", NULL, 0},
    ['i'] = {"INST", NULL, 0},
    ['o'] = {"OBJ", NULL, 0},
    [0x81] = {"NEWOBJ", NULL, 0},
    [0x92] = {"NEWOBJ_EX", NULL, 0},
    [0x82] = {"EXT1", NULL, 0},
    [0x83] = {"EXT2", NULL, 0},
    [0x84] = {"EXT4", NULL, 0},
    [0x8F] = {"EMPTY_SET", NULL, 0},
    [0x90] = {"ADDITEMS", NULL, 0},
    [0x91] = {"FROZENSET", NULL, 0},
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
        status = unic__fail(UNIC_E_FORMAT, "an opcode that is not read: plain values only");
    else
        status = opcodes[*code].run(m, opcodes[*code].arg);
    return status == UNIC_OK
               ? UNIC_OK
               : unic__fail_in(status, "byte %zu, %s", start, opcodes[*code].name);
}

unic_status unic__pickle_read(unic__pickle *out, const void *data, size_t size, size_t *used)
{
    *out = (unic__pickle){{NULL}, NULL};
    machine m = {.arena = &out->arena, .data = data, .size = size};
    if (!unic__mul_size(size, 4, &m.memory_cap) ||
        !unic__add_size(m.memory_cap, UNIC__PICKLE_MEMORY, &m.memory_cap))
        m.memory_cap = SIZE_MAX;
    unic_status status = UNIC_OK;
    while (status == UNIC_OK && !m.root)
        status = step(&m);
    unic__free(m.stack);
    unic__free(m.memo);
    *used = status == UNIC_OK ? m.at : m.needed;
    out->root = status == UNIC_OK ? m.root : NULL;
    return status;
}

void unic__pickle_free(unic__pickle *pickle)
{
    unic__arena_free(&pickle->arena);
    pickle->root = NULL;
}
