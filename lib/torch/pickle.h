/*
 * Pickles, read as data. A pickle is a program for a machine with a stack and a memo; here it
 * can build plain values and nothing else. The names it may mention stand in a fixed table, and
 * what a function of that table is asked to make is kept as the request (UNIC__PICKLE_CALL):
 * nothing is ever called. Protocols 0 to 5; whatever else Python would do (objects, sets,
 * extensions, persistent ids in text) is refused with the opcode's name and place.
 *
 * A value may stand in several others, as Python's memo allows, but it cannot change once it
 * stands in one. So there are no cycles, and the caps below hold for the whole.
 */
#ifndef UNIC_TORCH_PICKLE_H
#define UNIC_TORCH_PICKLE_H

#include "base/base.h"

enum {
    UNIC__PICKLE_OPCODES = 1 << 22, /* at most, in one pickle */
    UNIC__PICKLE_STACK = 1 << 20,   /* values waiting at one time */
    UNIC__PICKLE_VALUES = 1 << 22,  /* in the tree, a value counted wherever it stands */
    UNIC__PICKLE_DEPTH = 256,       /* of the tree */
    UNIC__PICKLE_MEMORY = 1 << 26   /* for values, beside 4 bytes for each of the pickle's */
};

/* The names that are known. Both of Python 2's and 3's, of numpy 1's and 2's spelling. */
typedef enum unic__pickle_name {
    UNIC__NAME_ORDERED_DICT,      /* collections.OrderedDict: () makes a dict */
    UNIC__NAME_BYTES,             /* builtins.bytes: () makes empty bytes */
    UNIC__NAME_ENCODE,            /* _codecs.encode: (text, "latin1") makes bytes */
    UNIC__NAME_TENSOR,            /* torch._utils._rebuild_tensor_v2 */
    UNIC__NAME_PARAMETER,         /* torch._utils._rebuild_parameter */
    UNIC__NAME_ARRAY,             /* numpy.core.multiarray._reconstruct */
    UNIC__NAME_ARRAY_FROM_BUFFER, /* numpy.core.numeric._frombuffer */
    UNIC__NAME_SCALAR,            /* numpy.core.multiarray.scalar */
    UNIC__NAME_DTYPE,             /* numpy.dtype */
    UNIC__NAME_NDARRAY,           /* numpy.ndarray; from here on, names that nothing calls */
    UNIC__NAME_DOUBLE_STORAGE,    /* torch.DoubleStorage */
    UNIC__NAME_FLOAT_STORAGE,
    UNIC__NAME_HALF_STORAGE,
    UNIC__NAME_BFLOAT16_STORAGE,
    UNIC__NAME_LONG_STORAGE,
    UNIC__NAME_INT_STORAGE,
    UNIC__NAME_SHORT_STORAGE,
    UNIC__NAME_CHAR_STORAGE,
    UNIC__NAME_BYTE_STORAGE,
    UNIC__NAME_BOOL_STORAGE
} unic__pickle_name;

typedef enum unic__pickle_kind {
    UNIC__PICKLE_NONE,
    UNIC__PICKLE_BOOL,
    UNIC__PICKLE_INT,
    UNIC__PICKLE_FLOAT,
    UNIC__PICKLE_TEXT, /* UTF-8, as the pickle has it: not checked */
    UNIC__PICKLE_BYTES,
    UNIC__PICKLE_TUPLE,
    UNIC__PICKLE_LIST,
    UNIC__PICKLE_DICT, /* an OrderedDict too, without its attributes */
    UNIC__PICKLE_NAME,
    UNIC__PICKLE_CALL,
    UNIC__PICKLE_PERSISTENT /* what stands outside of the pickle */
} unic__pickle_kind;

typedef struct unic__value unic__value;
struct unic__value {
    unic__pickle_kind kind;
    uint32_t nodes; /* values in the tree from here on */
    uint32_t room;  /* of as.many.items */
    uint16_t depth; /* of the same tree; 1 for a plain value */
    bool frozen;    /* stands in another value */
    union {
        bool truth;
        int64_t integer;
        double real;
        struct {
            const char *at; /* no NUL behind it */
            size_t size;
        } text, bytes;
        struct {
            unic__value **items; /* of a dict: key, value, key, value, ... as they came */
            size_t count;        /* of items; of a dict, twice its keys */
        } many;
        unic__pickle_name name;
        struct {
            unic__pickle_name function;
            const unic__value *args;  /* a tuple */
            const unic__value *state; /* what BUILD gave; NULL */
        } call;
        const unic__value *id;
    } as;
};

typedef struct unic__pickle {
    unic__arena arena;
    const unic__value *root;
} unic__pickle;

/*
 * Reads the pickle at the start of `data`, which has to stay while the values are used: texts
 * and bytes point into it. *used is the pickle's length; if `data` ends before the pickle does,
 * the least number of bytes it needs, which is more than `size` (the status is UNIC_E_FORMAT);
 * after any other failure, 0. Messages begin "byte 31, REDUCE: "; the caller puts the file in
 * front. Afterwards free `out`, also after a failure.
 */
unic_status unic__pickle_read(unic__pickle *out, const void *data, size_t size, size_t *used);
void unic__pickle_free(unic__pickle *pickle);

/* For messages: "a tuple"; "DoubleStorage". */
const char *unic__pickle_kind_name(unic__pickle_kind kind);
const char *unic__pickle_name_text(unic__pickle_name name);

/* ---- of values ---- */

bool unic__value_is_text(const unic__value *v, const char *text);
bool unic__value_is_call(const unic__value *v, unic__pickle_name function);
/* The last value under a text key of a dict, NULL without one. */
const unic__value *unic__value_get(const unic__value *dict, const char *key);

/* Text for a message: at most 60 bytes of it, unprintable ones as "?"; returns `out`. */
enum { UNIC__VALUE_TEXT = 64 };
const char *unic__value_print(const unic__value *text, char out[UNIC__VALUE_TEXT]);

#endif
