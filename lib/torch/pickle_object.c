#include "torch/pickle_opcodes.h"
#include "torch/pickle_value.h"

#include <string.h>

typedef unic__value value;
typedef unic__pickle_machine machine;

enum { LONGEST_NAME = 1000 };

/* ---- opcodes: names ---------------------------------------------------------------------- */

static unic_status push_name(machine *m, const char *module, size_t module_size,
                             const char *name, size_t name_size)
{
    value *v = NULL;
    if (module_size > LONGEST_NAME || name_size > LONGEST_NAME)
        return unic__fail(UNIC_E_FORMAT, "is a name of %zu bytes, at most %d expected",
                          module_size > name_size ? module_size : name_size, LONGEST_NAME);
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_NAME, &v));
    v->as.name.is = unic__pickle_find_name(module, module_size, name, name_size);
    v->as.name.module = module;
    v->as.name.name = name;
    v->as.name.module_size = (uint16_t)module_size;
    v->as.name.name_size = (uint16_t)name_size;
    return UNIC_OK;
}

unic_status unic__pickle_op_name_lines(machine *m, unsigned arg)
{
    const char *module = NULL, *name = NULL;
    size_t module_size = 0, name_size = 0;
    (void)arg;
    UNIC__TRY(unic__pickle_take_line(m, &module, &module_size));
    UNIC__TRY(unic__pickle_take_line(m, &name, &name_size));
    return push_name(m, module, module_size, name, name_size);
}

unic_status unic__pickle_op_name_stack(machine *m, unsigned arg)
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

/* ---- opcodes: what stands outside -------------------------------------------------------- */

static unic_status push_persistent(machine *m, value *id)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_PERSISTENT, &v));
    v->as.persistent.id = id;
    if (m->last)
        m->last->as.persistent.next = v;
    else
        m->persistent = v;
    m->last = v;
    return unic__pickle_adopt(v, id);
}

unic_status unic__pickle_op_persistent(machine *m, unsigned arg)
{
    value *id = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &id));
    return push_persistent(m, id);
}

/* Protocol 0: the id as a text, which torch cannot read back either. */
unic_status unic__pickle_op_persistent_line(machine *m, unsigned arg)
{
    const char *line = NULL;
    size_t size = 0;
    value *id = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_take_line(m, &line, &size));
    UNIC__TRY(unic__pickle_new(m, UNIC__PICKLE_TEXT, &id));
    id->as.text.at = line;
    id->as.text.size = size;
    return push_persistent(m, id);
}

/* ---- opcodes: what would be called ------------------------------------------------------- */

/* _codecs.encode(text, "latin1"). */
static bool is_latin1(const value *args)
{
    value *const *arg = args->as.many.items;
    return args->as.many.count == 2 && arg[0]->kind == UNIC__PICKLE_TEXT &&
           (unic__value_is_text(arg[1], "latin1") || unic__value_is_text(arg[1], "latin-1"));
}

static unic_status encode(machine *m, const value *args)
{
    value *const *arg = args->as.many.items;
    size_t size = arg[0]->as.text.size;
    value *v = NULL;
    void *memory = NULL;
    UNIC__TRY(unic__pickle_grab(m, size, &memory));
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_BYTES, &v));
    v->as.bytes.at = memory;
    return unic__pickle_to_latin1(memory, &v->as.bytes.size, arg[0]->as.text.at, size);
}

/* OrderedDict(pairs): as Python 2 pickles one. */
static unic_status put_pairs(machine *m, value *dict, const value *pairs)
{
    for (size_t i = 0; i < pairs->as.many.count; i++) {
        const value *pair = pairs->as.many.items[i];
        if ((pair->kind != UNIC__PICKLE_LIST && pair->kind != UNIC__PICKLE_TUPLE) ||
            pair->as.many.count != 2)
            return unic__fail(UNIC_E_FORMAT,
                              "OrderedDict is given a list that is not of pairs");
        UNIC__TRY(unic__pickle_append(m, dict, pair->as.many.items, 2));
    }
    return UNIC_OK;
}

static unic_status make_dict(machine *m, const value *args)
{
    value *v = NULL, *given = args->as.many.count ? args->as.many.items[0] : NULL;
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_DICT, &v));
    if (!given)
        return UNIC_OK;
    if (args->as.many.count == 1 && given->kind == UNIC__PICKLE_DICT)
        return unic__pickle_append(m, v, given->as.many.items, given->as.many.count);
    if (args->as.many.count == 1 && given->kind == UNIC__PICKLE_LIST)
        return put_pairs(m, v, given);
    return unic__fail(UNIC_E_FORMAT, "OrderedDict is given %zu arguments, pairs expected",
                      args->as.many.count);
}

/* bytes(): protocols 0 to 2 have no opcode for empty bytes. */
static unic_status make_bytes(machine *m)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_BYTES, &v));
    v->as.bytes.at = "";
    return UNIC_OK;
}

/* Three functions are simple enough to say what they give; of all others the call stands for
 * it, and so it does where these are given what they do not take. */
static unic_status push_call(machine *m, value *function, value *args)
{
    value *v = NULL;
    bool callable = function->kind == UNIC__PICKLE_NAME ||
                    function->kind == UNIC__PICKLE_CALL ||
                    function->kind == UNIC__PICKLE_PERSISTENT;
    if (!callable)
        return unic__fail(UNIC_E_FORMAT, "finds %s on the stack, a name expected",
                          unic__pickle_kind_name(function->kind));
    UNIC__TRY(unic__pickle_want(args, UNIC__PICKLE_TUPLE));
    unic__pickle_name is = function->kind == UNIC__PICKLE_NAME ? function->as.name.is
                                                               : UNIC__NAME_OTHER;
    if (is == UNIC__NAME_ENCODE && is_latin1(args))
        return encode(m, args);
    if (is == UNIC__NAME_ORDERED_DICT)
        return make_dict(m, args);
    if (is == UNIC__NAME_BYTES && !args->as.many.count)
        return make_bytes(m);
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_CALL, &v));
    v->as.call.function = function;
    v->as.call.args = args;
    UNIC__TRY(unic__pickle_adopt(v, function));
    return unic__pickle_adopt(v, args);
}

/* REDUCE and NEWOBJ: for Python a call of the function, and of the class's __new__. */
unic_status unic__pickle_op_reduce(machine *m, unsigned arg)
{
    value *args = NULL, *function = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &args));
    UNIC__TRY(unic__pickle_pop(m, &function));
    return push_call(m, function, args);
}

/* NEWOBJ_EX: with arguments by name. These are the last of the call's. */
unic_status unic__pickle_op_new_named(machine *m, unsigned arg)
{
    value *named = NULL, *args = NULL, *function = NULL, *all = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &named));
    UNIC__TRY(unic__pickle_pop(m, &args));
    UNIC__TRY(unic__pickle_pop(m, &function));
    UNIC__TRY(unic__pickle_want(named, UNIC__PICKLE_DICT));
    UNIC__TRY(unic__pickle_want(args, UNIC__PICKLE_TUPLE));
    UNIC__TRY(unic__pickle_new(m, UNIC__PICKLE_TUPLE, &all));
    UNIC__TRY(unic__pickle_append(m, all, args->as.many.items, args->as.many.count));
    UNIC__TRY(unic__pickle_append(m, all, &named, 1));
    return push_call(m, function, all);
}

/* INST, the class named here, and OBJ, the class behind the MARK: of Python 2's old classes. */
static unic_status new_old(machine *m, value *class, value *const *items, size_t count)
{
    value *args = NULL;
    UNIC__TRY(unic__pickle_new(m, UNIC__PICKLE_TUPLE, &args));
    UNIC__TRY(unic__pickle_append(m, args, items, count));
    return push_call(m, class, args);
}

unic_status unic__pickle_op_inst(machine *m, unsigned arg)
{
    value *class = NULL, **items = NULL;
    size_t count = 0;
    UNIC__TRY(unic__pickle_op_name_lines(m, arg));
    UNIC__TRY(unic__pickle_pop(m, &class));
    UNIC__TRY(unic__pickle_pop_to_mark(m, &items, &count));
    return new_old(m, class, items, count);
}

unic_status unic__pickle_op_obj(machine *m, unsigned arg)
{
    value **items = NULL;
    size_t count = 0;
    (void)arg;
    UNIC__TRY(unic__pickle_pop_to_mark(m, &items, &count));
    if (!count)
        return unic__fail(UNIC_E_FORMAT, "there is no class on the stack");
    return new_old(m, items[0], items + 1, count - 1);
}

/* Gives an object its state. Attributes of an OrderedDict (a state_dict's "_metadata") go; an
 * object that stands elsewhere already stays without one. */
unic_status unic__pickle_op_build(machine *m, unsigned arg)
{
    value *state = NULL, *v = NULL;
    unic__value_more *more = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &state));
    UNIC__TRY(unic__pickle_top(m, &v));
    if (v->kind == UNIC__PICKLE_DICT)
        return UNIC_OK;
    UNIC__TRY(unic__pickle_want(v, UNIC__PICKLE_CALL));
    UNIC__TRY(unic__pickle_open_circles(m, v, &state, 1));
    if (v->uses)
        return UNIC_OK;
    UNIC__TRY(unic__pickle_more(m, v, &more));
    if (more->state)
        return unic__fail(UNIC_E_FORMAT, "gives an object a second state");
    UNIC__TRY(unic__pickle_adopt(v, state));
    more->state = state;
    return UNIC_OK;
}
