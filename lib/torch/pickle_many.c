#include "torch/pickle_opcodes.h"

#include <string.h>

typedef unic__value value;
typedef unic__pickle_machine machine;

/* ---- opcodes: tuples, lists and dicts ---------------------------------------------------- */

static unic_status collect(machine *m, unic__pickle_kind kind, value *const *items,
                           size_t count)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_new(m, kind, &v));
    UNIC__TRY(unic__pickle_append(m, v, items, count)); /* they may still be on the stack */
    return unic__pickle_push(m, v);
}

/* TUPLE, LIST, DICT, FROZENSET: of what stands above the last MARK. */
unic_status unic__pickle_op_collect(machine *m, unsigned kind)
{
    value **items = NULL;
    size_t count = 0;
    UNIC__TRY(unic__pickle_pop_to_mark(m, &items, &count));
    return collect(m, (unic__pickle_kind)kind, items, count);
}

unic_status unic__pickle_op_tuple(machine *m, unsigned count)
{
    value *items[3] = {NULL, NULL, NULL};
    for (size_t i = count; i-- > 0;)
        UNIC__TRY(unic__pickle_pop(m, &items[i]));
    return collect(m, UNIC__PICKLE_TUPLE, items, count);
}

unic_status unic__pickle_op_append(machine *m, unsigned arg)
{
    value *item = NULL, *list = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &item));
    UNIC__TRY(unic__pickle_top(m, &list));
    return unic__pickle_put_into(m, list, UNIC__PICKLE_LIST, &item, 1);
}

unic_status unic__pickle_op_set_item(machine *m, unsigned arg)
{
    value *pair[2] = {NULL, NULL}, *dict = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &pair[1]));
    UNIC__TRY(unic__pickle_pop(m, &pair[0]));
    UNIC__TRY(unic__pickle_top(m, &dict));
    return unic__pickle_put_into(m, dict, UNIC__PICKLE_DICT, pair, 2);
}

/* APPENDS, SETITEMS, ADDITEMS: what stands above the last MARK goes into the value below it. */
unic_status unic__pickle_op_extend(machine *m, unsigned kind)
{
    value **items = NULL, *many = NULL;
    size_t count = 0;
    UNIC__TRY(unic__pickle_pop_to_mark(m, &items, &count));
    UNIC__TRY(unic__pickle_top(m, &many));
    return unic__pickle_put_into(m, many, (unic__pickle_kind)kind, items, count);
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
    const char *beyond = NULL;
    size_t digits = 0;
    if (width)
        return unic__pickle_take_number(m, width, index);
    UNIC__TRY(unic__pickle_take_decimal(m, '\0', &x, &beyond, &digits));
    *index = beyond ? UINT64_MAX : (uint64_t)x; /* a negative one is beyond every bound */
    return UNIC_OK;
}

unic_status unic__pickle_op_put(machine *m, unsigned width)
{
    uint64_t index = 0;
    UNIC__TRY(take_index(m, width, &index));
    return put(m, index);
}

unic_status unic__pickle_op_get(machine *m, unsigned width)
{
    uint64_t index = 0;
    UNIC__TRY(take_index(m, width, &index));
    return get(m, index);
}

unic_status unic__pickle_op_memoize(machine *m, unsigned arg)
{
    (void)arg;
    return put(m, m->memo_count);
}

/* ---- opcodes: the stack ------------------------------------------------------------------ */

/* POP: a MARK is a value of the stack too. */
unic_status unic__pickle_op_pop(machine *m, unsigned arg)
{
    (void)arg;
    if (!m->depth)
        return unic__fail(UNIC_E_FORMAT, "there is no value on the stack");
    m->depth--;
    return UNIC_OK;
}

unic_status unic__pickle_op_pop_mark(machine *m, unsigned arg)
{
    value **items = NULL;
    size_t count = 0;
    (void)arg;
    return unic__pickle_pop_to_mark(m, &items, &count);
}

unic_status unic__pickle_op_dup(machine *m, unsigned arg)
{
    value *v = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_top(m, &v));
    return unic__pickle_push(m, v);
}
