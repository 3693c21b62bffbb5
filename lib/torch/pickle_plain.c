#include "torch/pickle_opcodes.h"
#include "torch/pickle_value.h"

#include <math.h>
#include <string.h>

typedef unic__value value;
typedef unic__pickle_machine machine;

/* ---- opcodes: plain values --------------------------------------------------------------- */

unic_status unic__pickle_op_proto(machine *m, unsigned arg)
{
    uint64_t version = 0;
    (void)arg;
    UNIC__TRY(unic__pickle_take_number(m, 1, &version));
    return version <= 5 ? UNIC_OK
                        : unic__fail(UNIC_E_FORMAT, "is protocol %u, 0 to 5 expected",
                                     (unsigned)version);
}

/* A frame is only a hint for buffering; what is in it must be there. */
unic_status unic__pickle_op_frame(machine *m, unsigned arg)
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

unic_status unic__pickle_op_stop(machine *m, unsigned arg)
{
    (void)arg;
    UNIC__TRY(unic__pickle_pop(m, &m->root));
    return m->depth == 0
               ? UNIC_OK
               : unic__fail(UNIC_E_FORMAT, "%zu values are left on the stack", m->depth);
}

unic_status unic__pickle_op_mark(machine *m, unsigned arg)
{
    (void)arg;
    return unic__pickle_push(m, &unic__pickle_mark);
}

/* NONE, EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT. */
unic_status unic__pickle_op_empty(machine *m, unsigned kind)
{
    value *v;
    return unic__pickle_push_new(m, (unic__pickle_kind)kind, &v);
}

unic_status unic__pickle_op_bool(machine *m, unsigned truth)
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
unic_status unic__pickle_op_natural(machine *m, unsigned width)
{
    uint64_t x = 0;
    UNIC__TRY(unic__pickle_take_number(m, width, &x));
    return push_int(m, (int64_t)x);
}

/* BININT, and the body of LONG1 and LONG4: `width` bytes with one. */
unic_status unic__pickle_op_signed(machine *m, unsigned width)
{
    int64_t x = 0;
    UNIC__TRY(unic__pickle_take_signed(m, width, &x));
    return push_int(m, x);
}

/* An int that is known to be there, and of which nothing is computed. */
static unic_status push_long(machine *m, const char *digits, size_t size)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_LONG, &v));
    v->as.bytes.at = digits;
    v->as.bytes.size = size;
    return UNIC_OK;
}

/* LONG1, LONG4: a number of bytes, then these. */
unic_status unic__pickle_op_long(machine *m, unsigned width)
{
    uint64_t size = 0;
    UNIC__TRY(unic__pickle_take_number(m, width, &size));
    if (size <= 8)
        return unic__pickle_op_signed(m, (unsigned)size);
    const unsigned char *bytes = NULL;
    UNIC__TRY(unic__pickle_take(m, size, &bytes));
    return push_long(m, (const char *)bytes, (size_t)size);
}

/* Protocol 0. "00" and "01" are False and True where `bools`. */
unic_status unic__pickle_op_int_line(machine *m, unsigned bools)
{
    int64_t x = 0;
    const char *beyond = NULL;
    size_t digits = 0;
    const unsigned char *line = m->data + m->at;
    if (bools && m->size - m->at >= 3 && line[0] == '0' && line[2] == '\n' &&
        (line[1] == '0' || line[1] == '1')) {
        m->at += 3;
        return unic__pickle_op_bool(m, line[1] == '1');
    }
    UNIC__TRY(unic__pickle_take_decimal(m, bools ? '\0' : 'L', &x, &beyond, &digits));
    return beyond ? push_long(m, beyond, digits) : push_int(m, x);
}

static unic_status push_float(machine *m, double x)
{
    value *v = NULL;
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_FLOAT, &v));
    v->as.real = x;
    return UNIC_OK;
}

/* Protocol 0: as Python prints a float. */
unic_status unic__pickle_op_float_line(machine *m, unsigned arg)
{
    static const struct {
        const char *name;
        double value;
    } words[] = {{"inf", INFINITY}, {"-inf", -INFINITY}, {"nan", NAN}, {"-nan", NAN}};
    const char *line = NULL;
    char text[UNIC__NUMBER_BYTES] = "";
    size_t size = 0;
    double x = 0.0;
    (void)arg;
    UNIC__TRY(unic__pickle_take_line(m, &line, &size));
    if (size < sizeof text)
        memcpy(text, line, size);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i].name) == 0)
            return push_float(m, words[i].value);
    return unic__parse_number(text, &x) ? push_float(m, x)
                                        : unic__fail(UNIC_E_FORMAT, "its line is no number");
}

unic_status unic__pickle_op_float(machine *m, unsigned arg)
{
    const unsigned char *bytes = NULL;
    uint64_t bits = 0;
    double x;
    (void)arg;
    UNIC__TRY(unic__pickle_take(m, 8, &bytes));
    for (int i = 0; i < 8; i++) /* big-endian, as nothing else here */
        bits = bits << 8 | bytes[i];
    memcpy(&x, &bits, sizeof bits);
    return push_float(m, x);
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

unic_status unic__pickle_op_text(machine *m, unsigned width)
{
    return push_string(m, UNIC__PICKLE_TEXT, width);
}

unic_status unic__pickle_op_bytes(machine *m, unsigned width)
{
    return push_string(m, UNIC__PICKLE_BYTES, width);
}

unic_status unic__pickle_op_text_line(machine *m, unsigned arg)
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

/* Protocol 0 of Python 2: a str in quotes. */
unic_status unic__pickle_op_string_line(machine *m, unsigned arg)
{
    const char *line = NULL;
    size_t size = 0;
    value *v = NULL;
    void *memory = NULL;
    (void)arg;
    UNIC__TRY(unic__pickle_take_line(m, &line, &size));
    UNIC__TRY(unic__pickle_push_new(m, UNIC__PICKLE_BYTES, &v));
    UNIC__TRY(unic__pickle_grab(m, size, &memory));
    v->as.bytes.at = memory;
    return unic__pickle_unquote(memory, &v->as.bytes.size, line, size);
}
