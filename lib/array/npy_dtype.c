#include "array/npy_dtype.h"

#include <string.h>

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

/* Other names of these, numpy's and C's; long and pointers are those of this machine. */
#define LONG     (sizeof(long) == 8 ? UNIC__NPY_I64 : UNIC__NPY_I32)
#define ULONG    (sizeof(long) == 8 ? UNIC__NPY_U64 : UNIC__NPY_U32)
#define POINTER  (sizeof(void *) == 8 ? UNIC__NPY_I64 : UNIC__NPY_I32)
#define UPOINTER (sizeof(void *) == 8 ? UNIC__NPY_U64 : UNIC__NPY_U32)

static const struct {
    const char *name;
    unic__npy_type type;
} aliases[] = {
    {"e", UNIC__NPY_F16},
    {"f", UNIC__NPY_F32},
    {"d", UNIC__NPY_F64},
    {"b", UNIC__NPY_I8},
    {"h", UNIC__NPY_I16},
    {"i", UNIC__NPY_I32},
    {"l", LONG},
    {"q", UNIC__NPY_I64},
    {"p", POINTER},
    {"P", UPOINTER},
    {"B", UNIC__NPY_U8},
    {"H", UNIC__NPY_U16},
    {"I", UNIC__NPY_U32},
    {"L", ULONG},
    {"Q", UNIC__NPY_U64},
    {"?", UNIC__NPY_BOOL},
    {"half", UNIC__NPY_F16},
    {"single", UNIC__NPY_F32},
    {"double", UNIC__NPY_F64},
    {"float", UNIC__NPY_F64},
    {"float_", UNIC__NPY_F64},
    {"byte", UNIC__NPY_I8},
    {"short", UNIC__NPY_I16},
    {"intc", UNIC__NPY_I32},
    {"int", LONG},
    {"int_", LONG},
    {"long", LONG},
    {"intp", POINTER},
    {"longlong", UNIC__NPY_I64},
    {"ubyte", UNIC__NPY_U8},
    {"ushort", UNIC__NPY_U16},
    {"uintc", UNIC__NPY_U32},
    {"uint", ULONG},
    {"ulong", ULONG},
    {"uintp", UPOINTER},
    {"ulonglong", UNIC__NPY_U64},
    {"bool_", UNIC__NPY_BOOL},
    {"bool8", UNIC__NPY_BOOL},
};

/* Types of numpy that are no numbers here; others are a letter and a size. */
static const char *const foreign_names[] = {
    "O",       "U",        "S",          "a",           "V",          "M",
    "m",       "c",        "g",          "F",           "D",          "G",
    "object",  "str",      "bytes",      "void",        "str_",       "bytes_",
    "object_", "complex",  "complex64",  "complex128",  "complex256", "longdouble",
    "float96", "float128", "datetime64", "timedelta64", "csingle",    "cdouble",
};

const char *unic__npy_type_name(unic__npy_type type)
{
    return types[type].name;
}

size_t unic__npy_type_size(unic__npy_type type)
{
    return types[type].size;
}

char unic__npy_type_kind(unic__npy_type type)
{
    return types[type].kind;
}

/* "4" and "04" of "f4". */
static bool is_size(const char *text, unsigned size)
{
    while (*text == '0' && text[1])
        text++;
    return text[0] == (char)('0' + size) && !text[1];
}

static bool find_type(const char *name, bool has_order, unic__npy_type *type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((name[0] == types[i].kind && is_size(name + 1, types[i].size)) ||
            (!has_order && strcmp(name, types[i].name) == 0)) {
            *type = (unic__npy_type)i;
            return true;
        }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if ((!has_order || !name[1]) && strcmp(name, aliases[i].name) == 0) {
            *type = aliases[i].type;
            return true;
        }
    return false;
}

/* "M8[ns]": what stands in brackets is the unit of a date. */
static bool is_foreign(const char *name)
{
    size_t size = strcspn(name, "["), digits = strspn(name + 1, "0123456789");
    if (name[size] && name[strlen(name) - 1] != ']')
        return false;
    if (strcmp(name, "f16") == 0 || strcmp(name, "f12") == 0 ||
        (digits && 1 + digits == size && strchr("OUSaVMmc", name[0])))
        return true;
    for (size_t i = 0; i < sizeof foreign_names / sizeof foreign_names[0]; i++)
        if (strlen(foreign_names[i]) == size && memcmp(name, foreign_names[i], size) == 0)
            return true;
    return false;
}

unic_status unic__npy_read_descr(unic__npy_info *info, const char *descr)
{
    bool has_order = *descr && strchr("<>=|", *descr);
    const char *name = descr + has_order;
    info->foreign = false;
    memset(info->descr, 0, sizeof info->descr);
    strncpy(info->descr, descr, sizeof info->descr - 1);
    if (*name && find_type(name, has_order, &info->type)) {
        info->item_size = types[info->type].size;
        /* One byte has no order; call it the host's, so that native means native. */
        info->big_endian = info->item_size == 1 ? UNIC__BIG_ENDIAN
                           : *descr == '>'      ? true
                           : *descr == '<'      ? false
                                                : UNIC__BIG_ENDIAN;
        return UNIC_OK;
    }
    info->foreign = *name && is_foreign(name);
    return info->foreign ? UNIC_OK : unic__npy_refuse(info);
}

unic_status unic__npy_structured(unic__npy_info *info)
{
    memset(info->descr, 0, sizeof info->descr);
    info->foreign = true;
    return UNIC_OK;
}

unic_status unic__npy_refuse(const unic__npy_info *info)
{
    const char *descr = info->descr;
    char kind = descr[strspn(descr, "<>=|")];
    if (info->foreign && !*descr)
        return unic__fail(UNIC_E_FORMAT, "has a structured type, plain numbers expected");
    if (info->foreign && (kind == 'O' || kind == 'o'))
        return unic__fail(UNIC_E_FORMAT, "holds Python objects (%s), which are never loaded",
                          descr);
    if (info->foreign && (kind == 'M' || kind == 'm' || kind == 'd' || kind == 't'))
        return unic__fail(UNIC_E_FORMAT, "holds dates or times (%s), plain numbers expected",
                          descr);
    if (info->foreign && (kind == 'U' || kind == 'S' || kind == 'a'))
        return unic__fail(
            UNIC_E_FORMAT,
            "holds texts (%s), plain numbers expected: classes are numbers, whose "
            "names are in label.names or in a table",
            descr);
    if (info->foreign && kind == 'V' && is_size(descr + strcspn(descr, "V") + 1, 2))
        return unic__fail(UNIC_E_FORMAT,
                          "has the type %s, which is how numpy writes bfloat16: save it as "
                          "float32",
                          descr);
    return unic__fail(UNIC_E_FORMAT,
                      "has the type %s; float 2, 4, 8, integers and bool are known", descr);
}
