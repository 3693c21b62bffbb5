#include "torch/pickle_value.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* ---- names ------------------------------------------------------------------------------- */

static const struct {
    const char *module, *name;
    unic__pickle_name is;
} names[] = {
    {"collections", "OrderedDict", UNIC__NAME_ORDERED_DICT},
    {"builtins", "bytes", UNIC__NAME_BYTES},
    {"__builtin__", "bytes", UNIC__NAME_BYTES},
    {"_codecs", "encode", UNIC__NAME_ENCODE},
    {"torch._utils", "_rebuild_tensor_v2", UNIC__NAME_TENSOR},
    {"torch._utils", "_rebuild_tensor", UNIC__NAME_TENSOR},
    {"torch._utils", "_rebuild_parameter", UNIC__NAME_PARAMETER},
    {"torch._utils", "_rebuild_parameter_with_state", UNIC__NAME_PARAMETER},
    {"torch._tensor", "_rebuild_from_type_v2", UNIC__NAME_SUBCLASS},
    {"numpy.core.multiarray", "_reconstruct", UNIC__NAME_ARRAY},
    {"numpy._core.multiarray", "_reconstruct", UNIC__NAME_ARRAY},
    {"numpy.core.numeric", "_frombuffer", UNIC__NAME_ARRAY_FROM_BUFFER},
    {"numpy._core.numeric", "_frombuffer", UNIC__NAME_ARRAY_FROM_BUFFER},
    {"numpy.core.multiarray", "scalar", UNIC__NAME_SCALAR},
    {"numpy._core.multiarray", "scalar", UNIC__NAME_SCALAR},
    {"numpy", "dtype", UNIC__NAME_DTYPE},
};

static const char *const kinds[] = {
    [UNIC__PICKLE_NONE] = "None",      [UNIC__PICKLE_BOOL] = "a bool",
    [UNIC__PICKLE_INT] = "an int",     [UNIC__PICKLE_LONG] = "an int beyond 64 bits",
    [UNIC__PICKLE_FLOAT] = "a float",  [UNIC__PICKLE_TEXT] = "a text",
    [UNIC__PICKLE_BYTES] = "bytes",    [UNIC__PICKLE_TUPLE] = "a tuple",
    [UNIC__PICKLE_LIST] = "a list",    [UNIC__PICKLE_DICT] = "a dict",
    [UNIC__PICKLE_SET] = "a set",      [UNIC__PICKLE_NAME] = "a name",
    [UNIC__PICKLE_CALL] = "an object", [UNIC__PICKLE_PERSISTENT] = "a persistent object",
};

const char *unic__pickle_kind_name(unic__pickle_kind kind)
{
    return kinds[kind];
}

static bool same(const char *a, size_t size, const char *b)
{
    return size == strlen(b) && memcmp(a, b, size) == 0;
}

unic__pickle_name unic__pickle_find_name(const char *module, size_t module_size,
                                         const char *name, size_t name_size)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (same(module, module_size, names[i].module) && same(name, name_size, names[i].name))
            return names[i].is;
    return UNIC__NAME_OTHER;
}

/* ---- messages ---------------------------------------------------------------------------- */

/* At most room - 1 bytes; what a terminal might obey, and what is no ASCII, as "?". */
static const char *printable(char *out, size_t room, const char *text, size_t size)
{
    size_t n = size < room - 1 ? size : room - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7F ? text[i] : '?';
    out[n] = '\0';
    return out;
}

const char *unic__value_print(const unic__value *text, char out[UNIC__VALUE_TEXT])
{
    return printable(out, UNIC__VALUE_TEXT, text->as.text.at, text->as.text.size);
}

const char *unic__value_describe(const unic__value *v, char out[UNIC__VALUE_DESCRIPTION])
{
    const unic__value *name = v;
    bool of = false;
    if (unic__value_is_call(v, UNIC__NAME_SUBCLASS) && v->as.call.args->as.many.count > 1 &&
        v->as.call.args->as.many.items[1]->kind == UNIC__PICKLE_NAME) {
        /* the tensor's class says more than what makes it */
        name = v->as.call.args->as.many.items[1];
        of = true;
    }
    for (int i = 0; i < UNIC__PICKLE_DEPTH && name->kind == UNIC__PICKLE_CALL; i++, of = true)
        name = name->as.call.function;
    if (unic__value_is_call(v, UNIC__NAME_ARRAY) ||
        unic__value_is_call(v, UNIC__NAME_ARRAY_FROM_BUFFER))
        snprintf(out, UNIC__VALUE_DESCRIPTION, "a numpy array");
    else if (unic__value_is_call(v, UNIC__NAME_SCALAR))
        snprintf(out, UNIC__VALUE_DESCRIPTION, "a numpy scalar");
    else if (name->kind == UNIC__PICKLE_NAME) {
        char module[UNIC__VALUE_TEXT], text[UNIC__VALUE_TEXT];
        snprintf(
            out, UNIC__VALUE_DESCRIPTION, "%s%s.%s", of ? "an object of " : "the name ",
            printable(module, sizeof module, name->as.name.module, name->as.name.module_size),
            printable(text, sizeof text, name->as.name.name, name->as.name.name_size));
    } else
        snprintf(out, UNIC__VALUE_DESCRIPTION, "%s", kinds[v->kind]);
    return out;
}

/* ---- values ------------------------------------------------------------------------------ */

bool unic__value_is_string(const unic__value *v)
{
    return v->kind == UNIC__PICKLE_TEXT || v->kind == UNIC__PICKLE_BYTES;
}

bool unic__value_is_text(const unic__value *v, const char *text)
{
    return unic__value_is_string(v) && same(v->as.text.at, v->as.text.size, text);
}

bool unic__value_is_name(const unic__value *v, const char *module, const char *name)
{
    return v->kind == UNIC__PICKLE_NAME &&
           same(v->as.name.module, v->as.name.module_size, module) &&
           same(v->as.name.name, v->as.name.name_size, name);
}

bool unic__value_is_call(const unic__value *v, unic__pickle_name function)
{
    return v->kind == UNIC__PICKLE_CALL && v->as.call.function->kind == UNIC__PICKLE_NAME &&
           v->as.call.function->as.name.is == function;
}

const unic__value *unic__value_get(const unic__value *dict, const char *key)
{
    for (size_t i = dict->as.many.count; i >= 2; i -= 2)
        if (unic__value_is_text(dict->as.many.items[i - 2], key))
            return dict->as.many.items[i - 1];
    return NULL;
}

const unic__value *unic__value_state(const unic__value *call)
{
    return call->as.call.more ? call->as.call.more->state : NULL;
}

const unic__value *unic__value_contents(const unic__value *v)
{
    if (v->kind != UNIC__PICKLE_CALL || !v->as.call.more)
        return v;
    const unic__value *state = v->as.call.more->state;
    if (v->as.call.more->items)
        return v->as.call.more->items;
    return state && state->kind == UNIC__PICKLE_DICT ? state : v;
}

/* ---- texts ------------------------------------------------------------------------------- */

/* `digits` hexadecimal ones. */
static bool read_hex(const char *text, size_t digits, uint32_t *c)
{
    *c = 0;
    for (size_t i = 0; i < digits; i++) {
        char x = text[i];
        int digit = x >= '0' && x <= '9'   ? x - '0'
                    : x >= 'a' && x <= 'f' ? x - 'a' + 10
                    : x >= 'A' && x <= 'F' ? x - 'A' + 10
                                           : -1;
        if (digit < 0)
            return false;
        *c = *c << 4 | (uint32_t)digit;
    }
    return *c <= 0x10FFFF;
}

unic_status unic__pickle_unescape(char *out, size_t *out_size, const char *line, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size;) {
        char next = line[i] == '\\' && i + 1 < size ? line[i + 1] : '\0';
        size_t digits = next == 'u' ? 4 : next == 'U' ? 8 : 0;
        uint32_t c;
        if (digits) {
            if (size - i - 2 < digits || !read_hex(line + i + 2, digits, &c))
                return unic__fail(UNIC_E_FORMAT, "its text has a broken \\%c escape", next);
            n += unic__utf8_put(out + n, c);
            i += 2 + digits;
            continue;
        }
        /* A backslash before anything else stands for itself, and so does what follows it. */
        for (size_t plain = next ? 2 : 1; plain > 0; plain--)
            n += unic__utf8_put(out + n, (unsigned char)line[i++]);
    }
    *out_size = n;
    return UNIC_OK;
}

/* The byte that an escape stands for; *used is how many characters of it there are. */
static bool read_escape(const char *text, size_t size, char *byte, size_t *used)
{
    static const char letters[] = "\\'\"abfnrtv", bytes[] = "\\'\"\a\b\f\n\r\t\v";
    uint32_t c = 0;
    const char *letter = size ? memchr(letters, text[0], sizeof letters - 1) : NULL;
    *used = 1;
    if (letter) {
        *byte = bytes[letter - letters];
        return true;
    }
    if (size >= 3 && text[0] == 'x' && read_hex(text + 1, 2, &c)) {
        *used = 3;
    } else {
        for (*used = 0; *used < 3 && *used < size && text[*used] >= '0' && text[*used] <= '7';
             ++*used)
            c = c << 3 | (uint32_t)(text[*used] - '0');
        if (!*used || c > 0xFF)
            return false;
    }
    *byte = (char)c;
    return true;
}

unic_status unic__pickle_unquote(char *out, size_t *out_size, const char *line, size_t size)
{
    while (size && strchr(" \t\r", line[size - 1]) && line[size - 1])
        size--;
    if (size < 2 || (line[0] != '\'' && line[0] != '"') || line[size - 1] != line[0])
        return unic__fail(UNIC_E_FORMAT, "its text stands in no quotes");
    size_t n = 0;
    for (size_t i = 1, used; i < size - 1; i += used) {
        used = 1;
        out[n] = line[i];
        if (line[i] == '\\') {
            if (!read_escape(line + i + 1, size - 2 - i, &out[n], &used))
                return unic__fail(UNIC_E_FORMAT, "its text has a broken escape");
            used++;
        }
        n++;
    }
    *out_size = n;
    return UNIC_OK;
}

unic_status unic__pickle_to_latin1(char *out, size_t *out_size, const char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char first = (unsigned char)text[i];
        if (first >= 0x80) { /* U+0080 to U+00FF: C2 or C3, and 80 to BF */
            unsigned char second = i + 1 < size ? (unsigned char)text[i + 1] : 0;
            if ((first != 0xC2 && first != 0xC3) || (second & 0xC0) != 0x80)
                return unic__fail(UNIC_E_FORMAT, "its text is not of latin-1 at byte %zu", i);
            first = (unsigned char)(first << 6 | (second & 0x3F));
            i++;
        }
        out[n++] = (char)first;
    }
    *out_size = n;
    return UNIC_OK;
}
