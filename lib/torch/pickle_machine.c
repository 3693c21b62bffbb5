#include "torch/pickle_machine.h"

#include <string.h>

typedef unic__value value;
typedef unic__pickle_machine machine;

unic__value unic__pickle_mark;

/* ---- the bytes of the pickle ------------------------------------------------------------- */

unic_status unic__pickle_take(unic__pickle_machine *m, uint64_t n, const unsigned char **bytes)
{
    size_t left = m->size - m->at;
    if (n > left) {
        m->needed = n > SIZE_MAX - m->at ? SIZE_MAX : m->at + (size_t)n;
        return unic__fail(UNIC_E_FORMAT, "%llu more bytes expected, the pickle has %zu",
                          (unsigned long long)n, left);
    }
    *bytes = m->data + m->at;
    m->at += (size_t)n;
    return UNIC_OK;
}

static uint64_t little_endian(const unsigned char *bytes, size_t n)
{
    uint64_t x = 0;
    while (n-- > 0)
        x = x << 8 | bytes[n];
    return x;
}

unic_status unic__pickle_take_number(unic__pickle_machine *m, size_t width, uint64_t *x)
{
    const unsigned char *bytes = NULL;
    UNIC__TRY(unic__pickle_take(m, width, &bytes));
    *x = little_endian(bytes, width);
    return UNIC_OK;
}

unic_status unic__pickle_take_signed(unic__pickle_machine *m, size_t width, int64_t *x)
{
    const unsigned char *bytes = NULL;
    UNIC__TRY(unic__pickle_take(m, width, &bytes));
    uint64_t bits = little_endian(bytes, width);
    if (width && width < 8 && bytes[width - 1] & 0x80)
        bits |= UINT64_MAX << 8 * width;
    *x = (int64_t)bits;
    return UNIC_OK;
}

unic_status unic__pickle_take_line(unic__pickle_machine *m, const char **line, size_t *size)
{
    const unsigned char *start = m->data + m->at;
    const unsigned char *end = memchr(start, '\n', m->size - m->at);
    if (!end) {
        m->needed = m->size + 1;
        return unic__fail(UNIC_E_FORMAT, "a newline expected, the pickle ends without one");
    }
    *line = (const char *)start;
    *size = (size_t)(end - start);
    m->at += *size + 1;
    return UNIC_OK;
}

unic_status unic__pickle_take_decimal(unic__pickle_machine *m, char suffix, int64_t *x,
                                      const char **beyond, size_t *digits)
{
    const char *line = NULL;
    size_t size = 0;
    UNIC__TRY(unic__pickle_take_line(m, &line, &size));
    if (size && line[size - 1] == '\r') /* of a pickle that was stored as a text */
        size--;
    if (size && line[size - 1] == suffix)
        size--;
    bool minus = size && line[0] == '-', fits = true, valid = size > minus;
    *x = 0;
    for (size_t i = minus; i < size && valid; i++) {
        int digit = line[i] - '0';
        valid = digit >= 0 && digit <= 9;
        fits = fits && !__builtin_mul_overflow(*x, 10, x) &&
               !__builtin_sub_overflow(*x, digit, x); /* negative: all of int64 fits */
    }
    if (!valid)
        return unic__fail(UNIC_E_FORMAT, "its line is no integer");
    *beyond = !fits || (!minus && *x == INT64_MIN) ? line : NULL;
    *digits = size;
    *x = *beyond ? 0 : minus ? *x : -*x;
    return UNIC_OK;
}

/* ---- the stack --------------------------------------------------------------------------- */

unic_status unic__pickle_grab(unic__pickle_machine *m, size_t bytes, void **out)
{
    if (bytes > m->memory_cap - m->memory)
        return unic__fail(UNIC_E_FORMAT, "its values take more than %zu bytes", m->memory_cap);
    m->memory += bytes;
    *out = unic__arena_alloc(m->arena, bytes);
    return *out ? UNIC_OK : unic__no_memory(bytes, "a pickle's values");
}

unic_status unic__pickle_push(unic__pickle_machine *m, value *v)
{
    if (m->depth == UNIC__PICKLE_STACK)
        return unic__fail(UNIC_E_FORMAT, "more than %d values wait on the stack",
                          UNIC__PICKLE_STACK);
    if (m->depth == m->stack_room) {
        size_t room = m->stack_room ? 2 * m->stack_room : 64;
        value **stack = unic__realloc(m->stack, m->depth * sizeof(value *),
                                      room * sizeof(value *));
        if (!stack)
            return unic__no_memory(room * sizeof(value *), "a pickle's stack");
        m->stack = stack;
        m->stack_room = room;
    }
    m->stack[m->depth++] = v;
    return UNIC_OK;
}

unic_status unic__pickle_new(unic__pickle_machine *m, unic__pickle_kind kind, value **out)
{
    void *memory = NULL;
    UNIC__TRY(unic__pickle_grab(m, sizeof(value), &memory));
    *out = memory;
    (*out)->kind = (uint8_t)kind;
    (*out)->nodes = (*out)->depth = 1;
    return UNIC_OK;
}

unic_status unic__pickle_push_new(unic__pickle_machine *m, unic__pickle_kind kind, value **out)
{
    UNIC__TRY(unic__pickle_new(m, kind, out));
    return unic__pickle_push(m, *out);
}

unic_status unic__pickle_top(const unic__pickle_machine *m, value **out)
{
    if (!m->depth || m->stack[m->depth - 1] == &unic__pickle_mark)
        return unic__fail(UNIC_E_FORMAT, "there is no value on the stack");
    *out = m->stack[m->depth - 1];
    return UNIC_OK;
}

unic_status unic__pickle_pop(unic__pickle_machine *m, value **out)
{
    UNIC__TRY(unic__pickle_top(m, out));
    m->depth--;
    return UNIC_OK;
}

unic_status unic__pickle_pop_to_mark(unic__pickle_machine *m, value ***items, size_t *count)
{
    size_t at = m->depth;
    while (at && m->stack[at - 1] != &unic__pickle_mark)
        at--;
    if (!at)
        return unic__fail(UNIC_E_FORMAT, "there is no MARK on the stack");
    *items = m->stack + at;
    *count = m->depth - at;
    m->depth = at - 1;
    return UNIC_OK;
}

unic_status unic__pickle_want(const value *v, unic__pickle_kind kind)
{
    return v->kind == kind
               ? UNIC_OK
               : unic__fail(UNIC_E_FORMAT, "finds %s on the stack, %s expected",
                            unic__pickle_kind_name(v->kind), unic__pickle_kind_name(kind));
}

/* ---- values in values -------------------------------------------------------------------- */

unic_status unic__pickle_adopt(value *parent, value *child)
{
    if (parent->uses)
        return unic__fail(UNIC_E_FORMAT, "changes %s that already stands in another value",
                          unic__pickle_kind_name(parent->kind));
    if (child->depth >= UNIC__PICKLE_DEPTH)
        return unic__fail(UNIC_E_FORMAT, "values are nested more than %d deep",
                          UNIC__PICKLE_DEPTH);
    if (child->nodes > UNIC__PICKLE_VALUES - parent->nodes)
        return unic__fail(UNIC_E_FORMAT, "makes a tree of more than %d values",
                          UNIC__PICKLE_VALUES);
    if (parent->depth <= child->depth)
        parent->depth = (uint16_t)(child->depth + 1);
    parent->nodes += child->nodes;
    child->uses++; /* far from overflow: once an opcode, or once a value that it takes */
    return UNIC_OK;
}

/* ---- values in themselves ---------------------------------------------------------------- */

enum { LONGEST_SEARCH = 1 << 26 };

/* Puts `none` wherever `whole` stands in the tree of `in`, as deep as that is at most; returns in how
 * many places it did. Where the search has taken too long, those that are left stay. */
static size_t cut_out(machine *m, value *in, const value *whole, value *none)
{
    value **items = NULL;
    size_t cut = 0, count = 0;
    if (in->nodes == 1 || m->searched >= LONGEST_SEARCH)
        return 0;
    if (in->kind == UNIC__PICKLE_CALL) {
        unic__value_more *more = in->as.call.more;
        cut = cut_out(m, in->as.call.args, whole, none);
        if (more && more->items)
            cut += cut_out(m, more->items, whole, none);
        items = more && more->state ? &more->state : NULL;
        count = items != NULL;
    } else if (in->kind >= UNIC__PICKLE_TUPLE && in->kind <= UNIC__PICKLE_SET) {
        items = in->as.many.items;
        count = in->as.many.count;
    }
    m->searched += 1 + count;
    for (size_t i = 0; i < count; i++) {
        if (items[i] != whole) {
            cut += cut_out(m, items[i], whole, none);
            continue;
        }
        items[i] = none;
        cut++;
    }
    in->nodes -= (uint32_t)cut *
                 (whole->nodes - 1); /* they were counted when it was put there */
    return cut;
}

unic_status unic__pickle_open_circles(machine *m, value *v, value **items, size_t count)
{
    value *none = NULL;
    bool itself = v->uses > 0;
    for (size_t i = 0; i < count && !itself; i++)
        itself = items[i] == v;
    if (!itself)
        return UNIC_OK;
    UNIC__TRY(unic__pickle_new(m, UNIC__PICKLE_NONE, &none));
    for (size_t i = 0; i < count; i++)
        if (items[i] == v)
            items[i] = none;
        else if (v->uses)
            v->uses -= (uint32_t)cut_out(m, items[i], v, none);
    return UNIC_OK;
}

/* ---- many -------------------------------------------------------------------------------- */

/* Lists and dicts are unhashable in Python, too. */
static unic_status check_pairs(value *const *items, size_t count)
{
    if (count % 2)
        return unic__fail(UNIC_E_FORMAT, "%zu keys and values are no pairs", count);
    for (size_t i = 0; i < count; i += 2)
        if (items[i]->kind == UNIC__PICKLE_LIST || items[i]->kind == UNIC__PICKLE_DICT)
            return unic__fail(UNIC_E_FORMAT, "%s cannot be a key",
                              unic__pickle_kind_name(items[i]->kind));
    return UNIC_OK;
}

unic_status unic__pickle_append(unic__pickle_machine *m, value *many, value *const *items,
                                size_t count)
{
    if (many->kind == UNIC__PICKLE_DICT)
        UNIC__TRY(check_pairs(items, count));
    size_t total = many->as.many.count + count; /* far from overflow: see the caps */
    if (total > many->room) {
        size_t room = 2 * (size_t)many->room > total ? 2 * (size_t)many->room : total;
        void *memory = NULL;
        UNIC__TRY(unic__pickle_grab(m, room * sizeof(value *), &memory));
        if (many->as.many.count)
            memcpy(memory, many->as.many.items, many->as.many.count * sizeof(value *));
        many->as.many.items = memory;
        many->room = (uint32_t)room;
    }
    for (size_t i = 0; i < count; i++) {
        UNIC__TRY(unic__pickle_adopt(many, items[i]));
        many->as.many.items[many->as.many.count++] = items[i];
    }
    return UNIC_OK;
}

unic_status unic__pickle_more(unic__pickle_machine *m, value *call, unic__value_more **out)
{
    if (!call->as.call.more) {
        void *memory = NULL;
        UNIC__TRY(unic__pickle_grab(m, sizeof **out, &memory));
        call->as.call.more = memory;
    }
    *out = call->as.call.more;
    return UNIC_OK;
}

/* The object's entries are its own, no value of the stack: what they grow by, it grows by. One
 * that stands elsewhere already takes no more. */
static unic_status put_into_object(unic__pickle_machine *m, value *call, unic__pickle_kind kind,
                                   value *const *items, size_t count)
{
    unic__value_more *more = NULL;
    if (call->uses)
        return UNIC_OK;
    UNIC__TRY(unic__pickle_more(m, call, &more));
    uint32_t before = more->items ? more->items->nodes : 0;
    if (!more->items)
        UNIC__TRY(unic__pickle_new(m, kind, &more->items));
    UNIC__TRY(unic__pickle_want(more->items, kind));
    UNIC__TRY(unic__pickle_append(m, more->items, items, count));
    uint32_t grown = more->items->nodes - before;
    if (grown > UNIC__PICKLE_VALUES - call->nodes)
        return unic__fail(UNIC_E_FORMAT, "makes a tree of more than %d values",
                          UNIC__PICKLE_VALUES);
    if (more->items->depth >= UNIC__PICKLE_DEPTH)
        return unic__fail(UNIC_E_FORMAT, "values are nested more than %d deep",
                          UNIC__PICKLE_DEPTH);
    call->nodes += grown;
    if (call->depth <= more->items->depth)
        call->depth = (uint16_t)(more->items->depth + 1);
    return UNIC_OK;
}

unic_status unic__pickle_put_into(unic__pickle_machine *m, value *v, unic__pickle_kind kind,
                                  value **items, size_t count)
{
    UNIC__TRY(unic__pickle_open_circles(m, v, items, count));
    if (v->kind == UNIC__PICKLE_CALL)
        return put_into_object(m, v, kind, items, count);
    UNIC__TRY(unic__pickle_want(v, kind));
    return unic__pickle_append(m, v, items, count);
}
