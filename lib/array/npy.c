#include "array/npy.h"

#include <stdio.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BIG_ENDIAN_HOST true
#else
#define BIG_ENDIAN_HOST false
#endif

static const struct {
    const char *name;
    char kind; /* in a descr such as "<f4" */
    unsigned char size;
} types[] = {
    [UNIC__NPY_F16] = {"float16", 'f', 2}, [UNIC__NPY_F32] = {"float32", 'f', 4},
    [UNIC__NPY_F64] = {"float64", 'f', 8}, [UNIC__NPY_I8] = {"int8", 'i', 1},
    [UNIC__NPY_I16] = {"int16", 'i', 2},   [UNIC__NPY_I32] = {"int32", 'i', 4},
    [UNIC__NPY_I64] = {"int64", 'i', 8},   [UNIC__NPY_U8] = {"uint8", 'u', 1},
    [UNIC__NPY_U16] = {"uint16", 'u', 2},  [UNIC__NPY_U32] = {"uint32", 'u', 4},
    [UNIC__NPY_U64] = {"uint64", 'u', 8},  [UNIC__NPY_BOOL] = {"bool", 'b', 1},
};

const char *unic__npy_type_name(unic__npy_type type)
{
    return types[type].name;
}

size_t unic__npy_type_size(unic__npy_type type)
{
    return types[type].size;
}

bool unic__npy_is_native(const unic__npy_info *info, unic__npy_type type)
{
    return info->type == type && info->big_endian == BIG_ENDIAN_HOST;
}

/* ---- the header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } ------------- */

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
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t'))
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

/* A quoted word without escapes. */
static bool take_string(cursor *c, char *out, size_t room)
{
    skip_space(c);
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

static unic_status parse_type(unic__npy_info *info, cursor *c)
{
    if (take(c, "["))
        return unic__fail(UNIC_E_FORMAT, "has a structured type, plain numbers expected");
    char descr[16];
    if (!take_string(c, descr, sizeof descr) || strlen(descr) < 2)
        return unic__fail(UNIC_E_FORMAT, "its npy header has no readable 'descr'");
    char order = descr[0], kind = descr[1];
    if (kind == 'O')
        return unic__fail(UNIC_E_FORMAT, "holds Python objects (%s), which are never loaded",
                          descr);
    if (kind == 'M' || kind == 'm')
        return unic__fail(UNIC_E_FORMAT, "holds dates or times (%s), plain numbers expected",
                          descr);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char size[2] = {(char)('0' + types[i].size), '\0'};
        if (kind != types[i].kind || strcmp(descr + 2, size) != 0 ||
            (order != '<' && order != '>' && (order != '|' || types[i].size > 1)))
            continue;
        info->type = (unic__npy_type)i;
        info->item_size = types[i].size;
        /* One byte has no order; call it the host's, so that native means native. */
        info->big_endian = types[i].size == 1 ? BIG_ENDIAN_HOST : order == '>';
        return UNIC_OK;
    }
    return unic__fail(UNIC_E_FORMAT,
                      "has the type %s; float 2, 4, 8, integers and bool are known", descr);
}

static unic_status parse_dim(size_t *dim, cursor *c)
{
    if (take(c, "-"))
        return unic__fail(UNIC_E_FORMAT, "its npy header has a negative dim");
    const char *start = c->at;
    *dim = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (!unic__mul_size(*dim, 10, dim) ||
            !unic__add_size(*dim, (size_t)(*c->at - '0'), dim))
            return unic__fail(UNIC_E_FORMAT,
                              "its npy header has a dim beyond the address space");
    if (c->at == start)
        return unic__fail(UNIC_E_FORMAT, "its npy header has no readable 'shape'");
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
        size_t dim;
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
    size_t bytes = info->item_size;
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

unic_status unic__npy_parse(unic__npy_info *info, const unsigned char *header, size_t size)
{
    size_t text = header[6] > 1 ? 12 : 10;
    cursor c = {(const char *)header + text, (const char *)header + size};
    bool seen[3] = {false, false, false}, more = take(&c, "{");
    memset(info, 0, sizeof *info);
    info->header_size = size;
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

size_t unic__npy_write_header(unsigned char header[UNIC__NPY_HEADER_WRITTEN],
                              unic__npy_type type, const unic__shape *shape)
{
    char text[UNIC__NPY_HEADER_WRITTEN];
    size_t at = (size_t)snprintf(text, sizeof text,
                                 "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (",
                                 types[type].size == 1 ? '|'
                                 : BIG_ENDIAN_HOST     ? '>'
                                                       : '<',
                                 types[type].kind, types[type].size);
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

/* ---- the elements ------------------------------------------------------------------------ */

UNIC__SIMD static void swap_bytes(void *raw, size_t item_size, size_t n)
{
    uint16_t *two = raw;
    uint32_t *four = raw;
    uint64_t *eight = raw;
    for (size_t i = 0; i < n && item_size == 2; i++)
        two[i] = __builtin_bswap16(two[i]);
    for (size_t i = 0; i < n && item_size == 4; i++)
        four[i] = __builtin_bswap32(four[i]);
    for (size_t i = 0; i < n && item_size == 8; i++)
        eight[i] = __builtin_bswap64(eight[i]);
}

/* Exact for each of the 65536, without branches or arithmetic on denormal numbers. */
static inline float from_half(uint16_t half)
{
    const uint32_t exponent = UINT32_C(0x0F800000); /* 5 bits, where float32 has its 8 */
    uint32_t bits = (uint32_t)(half & 0x7FFF) << 13, e = bits & exponent;
    bits += (uint32_t)(127 - 15) << 23;
    bits += e == exponent ? (uint32_t)(128 - 16) << 23 : 0; /* infinite, NaN */
    uint32_t tiny_bits = bits + (UINT32_C(1) << 23);        /* 2^-14 (1 + m / 1024) */
    float tiny;
    memcpy(&tiny, &tiny_bits, sizeof tiny);
    tiny -= 0x1p-14F; /* denormal half, or zero: 2^-14 m / 1024 */
    memcpy(&tiny_bits, &tiny, sizeof tiny);
    bits = (e ? bits : tiny_bits) | (uint32_t)(half & 0x8000) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#define CONVERT_FROM(enumerator, type, expression)                                             \
    case enumerator: {                                                                         \
        const type *x = raw;                                                                   \
        for (size_t i = 0; i < n; i++)                                                         \
            out[i] = (expression);                                                             \
    } break;

#define CONVERT_FROM_ALL(target)                                                               \
    CONVERT_FROM(UNIC__NPY_F16, uint16_t, (target)from_half(x[i]))                             \
    CONVERT_FROM(UNIC__NPY_F32, float, (target)x[i])                                           \
    CONVERT_FROM(UNIC__NPY_F64, double, (target)x[i])                                          \
    CONVERT_FROM(UNIC__NPY_I8, int8_t, (target)x[i])                                           \
    CONVERT_FROM(UNIC__NPY_I16, int16_t, (target)x[i])                                         \
    CONVERT_FROM(UNIC__NPY_I32, int32_t, (target)x[i])                                         \
    CONVERT_FROM(UNIC__NPY_I64, int64_t, (target)x[i])                                         \
    CONVERT_FROM(UNIC__NPY_U8, uint8_t, (target)x[i])                                          \
    CONVERT_FROM(UNIC__NPY_U16, uint16_t, (target)x[i])                                        \
    CONVERT_FROM(UNIC__NPY_U32, uint32_t, (target)x[i])                                        \
    CONVERT_FROM(UNIC__NPY_U64, uint64_t, (target)x[i])                                        \
    CONVERT_FROM(UNIC__NPY_BOOL, uint8_t, x[i] ? (target)1 : (target)0)

UNIC__SIMD static void to_f32(float *restrict out, const void *restrict raw,
                              unic__npy_type type, size_t n)
{
    switch (type) {
        CONVERT_FROM_ALL(float)
    }
}

UNIC__SIMD static void to_f64(double *restrict out, const void *restrict raw,
                              unic__npy_type type, size_t n)
{
    switch (type) {
        CONVERT_FROM_ALL(double)
    }
}

static void to_host_order(void *raw, const unic__npy_info *info, size_t n)
{
    if (info->big_endian != BIG_ENDIAN_HOST)
        swap_bytes(raw, info->item_size, n);
}

void unic__npy_to_f32(float *out, void *raw, const unic__npy_info *info, size_t n)
{
    to_host_order(raw, info, n);
    to_f32(out, raw, info->type, n);
}

void unic__npy_to_f64(double *out, void *raw, const unic__npy_info *info, size_t n)
{
    to_host_order(raw, info, n);
    to_f64(out, raw, info->type, n);
}

static unic_status whole(int64_t *out, double x, size_t element)
{
    if (!(x >= -0x1p63 && x < 0x1p63) || (double)(int64_t)x != x)
        return unic__fail(UNIC_E_VALUE, "element %zu is %.17g, a whole number expected",
                          element, x);
    *out = (int64_t)x;
    return UNIC_OK;
}

static unic_status to_i64(int64_t *out, const void *raw, unic__npy_type type, size_t n,
                          size_t first)
{
    switch (type) {
        CONVERT_FROM(UNIC__NPY_I8, int8_t, x[i])
        CONVERT_FROM(UNIC__NPY_I16, int16_t, x[i])
        CONVERT_FROM(UNIC__NPY_I32, int32_t, x[i])
        CONVERT_FROM(UNIC__NPY_I64, int64_t, x[i])
        CONVERT_FROM(UNIC__NPY_U8, uint8_t, x[i])
        CONVERT_FROM(UNIC__NPY_U16, uint16_t, x[i])
        CONVERT_FROM(UNIC__NPY_U32, uint32_t, x[i])
        CONVERT_FROM(UNIC__NPY_BOOL, uint8_t, x[i] != 0)
    case UNIC__NPY_U64: {
        const uint64_t *x = raw;
        for (size_t i = 0; i < n; i++) {
            if (x[i] > INT64_MAX)
                return unic__fail(UNIC_E_VALUE, "element %zu is %llu, beyond int64", first + i,
                                  (unsigned long long)x[i]);
            out[i] = (int64_t)x[i];
        }
    } break;
    case UNIC__NPY_F16:
        for (size_t i = 0; i < n; i++)
            UNIC__TRY(whole(out + i, (double)from_half(((const uint16_t *)raw)[i]), first + i));
        break;
    case UNIC__NPY_F32:
        for (size_t i = 0; i < n; i++)
            UNIC__TRY(whole(out + i, (double)((const float *)raw)[i], first + i));
        break;
    case UNIC__NPY_F64:
        for (size_t i = 0; i < n; i++)
            UNIC__TRY(whole(out + i, ((const double *)raw)[i], first + i));
        break;
    }
    return UNIC_OK;
}

unic_status unic__npy_to_i64(int64_t *out, void *raw, const unic__npy_info *info, size_t n,
                             size_t first)
{
    to_host_order(raw, info, n);
    return to_i64(out, raw, info->type, n, first);
}

unic_status unic__npy_to_i32(int32_t *out, void *raw, const unic__npy_info *info, size_t n,
                             size_t first)
{
    enum { PART = 256 };
    int64_t wide[PART];
    to_host_order(raw, info, n);
    for (size_t start = 0; start < n; start += PART) {
        size_t part = n - start < PART ? n - start : PART;
        const unsigned char *from = (unsigned char *)raw + start * info->item_size;
        UNIC__TRY(to_i64(wide, from, info->type, part, first + start));
        for (size_t i = 0; i < part; i++) {
            if (wide[i] < INT32_MIN || wide[i] > INT32_MAX)
                return unic__fail(UNIC_E_VALUE, "element %zu is %lld, beyond int32",
                                  first + start + i, (long long)wide[i]);
            out[start + i] = (int32_t)wide[i];
        }
    }
    return UNIC_OK;
}

void unic__npy_transpose(void *out, const void *fortran, const unic__shape *shape, size_t size)
{
    size_t count = unic__shape_count(shape), index[UNIC__MAX_RANK] = {0};
    size_t stride[UNIC__MAX_RANK] = {0};
    for (size_t axis = 0, step = size; axis < shape->rank; axis++) {
        stride[axis] = step;
        step *= shape->dim[axis];
    }
    const unsigned char *from = fortran;
    unsigned char *to = out;
    for (size_t i = 0; i < count; i++, to += size) {
        memcpy(to, from, size);
        for (size_t axis = shape->rank;
             axis-- > 0;) { /* to the next index, last axis fastest */
            from += stride[axis];
            if (++index[axis] < shape->dim[axis])
                break;
            from -= stride[axis] * shape->dim[axis];
            index[axis] = 0;
        }
    }
}
