/* The header of an .npy file, a Python dict as text:
 * {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * Every header that numpy reads is read here, whichever program wrote it. */
#include "array/npy.h"

#include <stdio.h>
#include <string.h>

#include "array/npy_dtype.h"

/* ---- reading ----------------------------------------------------------------------------- */

unic_status unic__npy_header_size(const unsigned char prefix[UNIC__NPY_PREFIX], size_t *size)
{
    if (memcmp(prefix, "\x93NUMPY", 6) != 0)
        return unic__fail(UNIC_E_FORMAT, "is no npy array: it does not start with \\x93NUMPY");
    unsigned major = prefix[6], minor = prefix[7];
    if (major < 1 || major > 3 || minor != 0)
        return unic__fail(UNIC_E_FORMAT, "is npy version %u.%u, 1.0 to 3.0 expected", major,
                          minor);
    uint32_t text = prefix[8] | (uint32_t)prefix[9] << 8;
    if (major > 1)
        text |= (uint32_t)prefix[10] << 16 | (uint32_t)prefix[11] << 24;
    *size = (major > 1 ? 12 : 10) + (size_t)text;
    if (*size < UNIC__NPY_PREFIX || *size > UNIC__NPY_HEADER_LARGEST)
        return unic__fail(UNIC_E_FORMAT, "has an npy header of %zu bytes, %d to %d expected",
                          *size, UNIC__NPY_PREFIX, UNIC__NPY_HEADER_LARGEST);
    return UNIC_OK;
}

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_space(cursor *c)
{
    while (c->at < c->end && *c->at && strchr(" \t\r\n\f", *c->at))
        c->at++;
}

/* Takes `text`, and the space before it, if it comes next. */
static bool take(cursor *c, const char *text)
{
    skip_space(c);
    size_t length = strlen(text);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, text, length) != 0)
        return false;
    c->at += length;
    return true;
}

/* A quoted word without escapes; u'word' is how Python 2 wrote some. */
static bool take_string(cursor *c, char *out, size_t room)
{
    skip_space(c);
    if (c->end - c->at > 1 && (*c->at == 'u' || *c->at == 'U'))
        c->at++;
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    char quote = *c->at;
    const char *start = c->at + 1, *stop = memchr(start, quote, (size_t)(c->end - start));
    if (!stop || (size_t)(stop - start) >= room || memchr(start, '\\', (size_t)(stop - start)))
        return false;
    memcpy(out, start, (size_t)(stop - start));
    out[stop - start] = '\0';
    c->at = stop + 1;
    return true;
}

/* A list or tuple whatever is in it, to its closing bracket. */
static bool skip_brackets(cursor *c)
{
    size_t depth = 0;
    char quote = '\0';
    for (; c->at < c->end; c->at++) {
        char x = *c->at;
        if (quote) {
            if (x == '\\')
                return false;
            quote = x == quote ? '\0' : quote;
        } else if (x == '\'' || x == '"') {
            quote = x;
        } else if (x == '[' || x == '(') {
            depth++;
        } else if ((x == ']' || x == ')') && --depth == 0) {
            c->at++;
            return true;
        }
    }
    return false;
}

static unic_status parse_type(unic__npy_info *info, cursor *c)
{
    char descr[UNIC__NPY_DESCR];
    skip_space(c);
    bool structured = c->at < c->end && (*c->at == '[' || *c->at == '(');
    if (structured ? !skip_brackets(c) : !take_string(c, descr, sizeof descr) || !*descr)
        return unic__fail(UNIC_E_FORMAT, "its npy header has no readable 'descr'");
    return structured ? unic__npy_structured(info) : unic__npy_read_descr(info, descr);
}

/* 12, 0x1f, 1_000: as Python spells a number that is not negative. */
static bool take_number(cursor *c, size_t *out, bool *fits)
{
    static const char digits[] = "0123456789abcdef";
    size_t base = take(c, "0x") || take(c, "0X") ? 16 : 10;
    const char *start = c->at;
    *out = 0;
    *fits = true;
    for (; c->at < c->end && *c->at; c->at++) {
        char x = *c->at >= 'A' && *c->at <= 'F' ? (char)(*c->at - 'A' + 'a') : *c->at;
        const char *digit = strchr(digits, x);
        if (x == '_' && c->at > start)
            continue;
        if (!digit || (size_t)(digit - digits) >= base)
            break;
        *fits = *fits && unic__mul_size(*out, base, out) &&
                unic__add_size(*out, (size_t)(digit - digits), out);
    }
    return c->at > start;
}

static unic_status parse_dim(size_t *dim, cursor *c)
{
    bool fits;
    if (take(c, "-"))
        return unic__fail(UNIC_E_FORMAT, "its npy header has a negative dim");
    if (!take_number(c, dim, &fits))
        return unic__fail(UNIC_E_FORMAT, "its npy header has no readable 'shape'");
    if (!fits)
        return unic__fail(UNIC_E_FORMAT, "its npy header has a dim beyond the address space");
    (void)take(c, "L"); /* as Python 2 wrote them */
    return UNIC_OK;
}

/* "()", "(3,)", "(3, 4)", "(3, 4,)". */
static unic_status parse_shape(unic__shape *shape, cursor *c)
{
    shape->rank = 0;
    bool comma = false, more = take(c, "(");
    if (!more)
        return unic__fail(UNIC_E_FORMAT, "its npy header has no readable 'shape'");
    while (more && !take(c, ")")) {
        size_t dim = 0;
        UNIC__TRY(parse_dim(&dim, c));
        if (shape->rank == UNIC__MAX_RANK)
            return unic__fail(UNIC_E_FORMAT, "has more than %d dims", UNIC__MAX_RANK);
        shape->dim[shape->rank++] = dim;
        comma = take(c, ",");
        more = comma;
    }
    if (!more && (shape->rank < 2 || !take(c, ")"))) /* "(3)" is a number, not a shape */
        return unic__fail(UNIC_E_FORMAT, "its npy header has no readable 'shape'");
    return UNIC_OK;
}

/* Every product of dims, zero ones left out, must fit, and so must the bytes. */
static unic_status check_count(const unic__npy_info *info)
{
    size_t bytes = info->foreign ? 1 : info->item_size;
    for (size_t i = 0; i < info->shape.rank; i++)
        if (info->shape.dim[i] &&
            (!unic__mul_size(bytes, info->shape.dim[i], &bytes) || bytes > PTRDIFF_MAX)) {
            char text[UNIC__SHAPE_TEXT];
            return unic__fail(UNIC_E_FORMAT, "has the shape %s, beyond the address space",
                              unic__shape_print(&info->shape, text));
        }
    return UNIC_OK;
}

static unic_status parse_entry(unic__npy_info *info, cursor *c, bool seen[3])
{
    static const char *const keys[3] = {"descr", "fortran_order", "shape"};
    char key[16];
    size_t i = 0;
    if (take_string(c, key, sizeof key) && take(c, ":"))
        while (i < 3 && strcmp(key, keys[i]) != 0)
            i++;
    else
        return unic__fail(UNIC_E_FORMAT, "its npy header is no dict");
    if (i == 3 || seen[i])
        return unic__fail(UNIC_E_FORMAT, "its npy header has the key '%s' %s", key,
                          i == 3 ? "that is not known" : "twice");
    seen[i] = true;
    if (i == 0)
        return parse_type(info, c);
    if (i == 2)
        return parse_shape(&info->shape, c);
    info->fortran = take(c, "True");
    if (!info->fortran && !take(c, "False"))
        return unic__fail(UNIC_E_FORMAT, "its npy header has no readable 'fortran_order'");
    return UNIC_OK;
}

static unic_status parse_dict(unic__npy_info *info, cursor c)
{
    bool seen[3] = {false, false, false}, more = take(&c, "{");
    while (more && !take(&c, "}")) {
        UNIC__TRY(parse_entry(info, &c, seen));
        more = take(&c, ",");
        if (!more && !take(&c, "}"))
            return unic__fail(UNIC_E_FORMAT, "its npy header is no dict");
    }
    skip_space(&c);
    if (!seen[0] || !seen[1] || !seen[2] || c.at != c.end)
        return unic__fail(UNIC_E_FORMAT, "its npy header is no dict of 'descr', "
                                         "'fortran_order' and 'shape'");
    return check_count(info);
}

unic_status unic__npy_parse(unic__npy_info *info, const unsigned char *header, size_t size)
{
    size_t text = header[6] > 1 ? 12 : 10;
    memset(info, 0, sizeof *info);
    info->header_size = size;
    unic_status status = parse_dict(
        info, (cursor){(const char *)header + text, (const char *)header + size});
    info->foreign = info->foreign && status == UNIC_OK;
    return info->foreign ? unic__npy_refuse(info) : status;
}

/* ---- writing ----------------------------------------------------------------------------- */

size_t unic__npy_write_header(unsigned char header[UNIC__NPY_HEADER_WRITTEN],
                              unic__npy_type type, const unic__shape *shape)
{
    char text[UNIC__NPY_HEADER_WRITTEN];
    size_t at = (size_t)snprintf(text, sizeof text,
                                 "{'descr': '%c%c%zu', 'fortran_order': False, 'shape': (",
                                 unic__npy_type_size(type) == 1 ? '|'
                                 : UNIC__BIG_ENDIAN             ? '>'
                                                                : '<',
                                 unic__npy_type_kind(type), unic__npy_type_size(type));
    for (size_t i = 0; i < shape->rank; i++) /* at most 50 + 6 x 22 characters in all */
        at += (size_t)snprintf(text + at, sizeof text - at, i ? ", %zu" : "%zu", shape->dim[i]);
    at += (size_t)snprintf(text + at, sizeof text - at, shape->rank == 1 ? ",), }" : "), }");
    size_t size = (10 + at + 1 + 63) / 64 * 64; /* prefix, text, newline */
    memset(header, ' ', size);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (unsigned char)((size - 10) & 0xFF);
    header[9] = (unsigned char)((size - 10) >> 8);
    memcpy(header + 10, text, at);
    header[size - 1] = '\n';
    return size;
}
