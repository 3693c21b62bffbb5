/*
 * Pickles, read as data. A pickle is a program for a machine with a stack and a memo; here it
 * can build plain values and nothing else. A call of a function or class is only recorded, as a
 * value UNIC__PICKLE_CALL with the function's name and arguments: nothing is ever called,
 * looked up or imported, and unknown names are allowed. Protocols 0 to 5 are read, also as
 * Python 2 writes them. Extensions (EXT1 to EXT4: numbers of names in Python's own registry)
 * and buffers outside the pickle are refused.
 *
 * A value may be contained in several others, as Python's memo allows, but it cannot change
 * once it is contained in one. So there are no cycles, and the limits below hold for the whole
 * tree. Where a list, a dict or an object contains itself, however deep, None stands in the
 * place of what would close the circle.
 */
#ifndef UNIC_TORCH_PICKLE_H
#define UNIC_TORCH_PICKLE_H

#include "base/base.h"

enum {
    UNIC__PICKLE_OPCODES = 1 << 22, /* at most, in one pickle */
    UNIC__PICKLE_STACK = 1 << 20,   /* values waiting at one time */
    UNIC__PICKLE_VALUES = 1 << 22,  /* in the tree, a value counted wherever it stands */
    UNIC__PICKLE_DEPTH = 256,       /* of the tree */
    UNIC__PICKLE_MEMORY = 1 << 28   /* for values, beside 4 bytes for each of the pickle's; of a
                                     * small pickle 64 bytes for each, and 2^20 */
};

/* The names that this library interprets, in the spellings of Python 2 and 3 and of numpy 1 and
 * 2. */
typedef enum unic__pickle_name {
    UNIC__NAME_OTHER,             /* any other */
    UNIC__NAME_ORDERED_DICT,      /* collections.OrderedDict: () or (pairs,) makes a dict */
    UNIC__NAME_BYTES,             /* builtins.bytes: () makes empty bytes */
    UNIC__NAME_ENCODE,            /* _codecs.encode: (text, "latin1") makes bytes */
    UNIC__NAME_TENSOR,            /* torch._utils._rebuild_tensor, _rebuild_tensor_v2 */
    UNIC__NAME_PARAMETER,         /* torch._utils._rebuild_parameter: (tensor, ...) */
    UNIC__NAME_SUBCLASS,          /* torch._tensor._rebuild_from_type_v2: (function, type, its
                                   * arguments, state) */
    UNIC__NAME_ARRAY,             /* numpy.core.multiarray._reconstruct */
    UNIC__NAME_ARRAY_FROM_BUFFER, /* numpy.core.numeric._frombuffer */
    UNIC__NAME_SCALAR,            /* numpy.core.multiarray.scalar */
    UNIC__NAME_DTYPE              /* numpy.dtype */
} unic__pickle_name;

typedef enum unic__pickle_kind {
    UNIC__PICKLE_NONE,
    UNIC__PICKLE_BOOL,
    UNIC__PICKLE_INT,
    UNIC__PICKLE_LONG, /* an int beyond 64 bits: its bytes, the lowest first, or its digits */
    UNIC__PICKLE_FLOAT,
    UNIC__PICKLE_TEXT,  /* UTF-8, as the pickle has it: not checked */
    UNIC__PICKLE_BYTES, /* also a str of Python 2, which may be meant as a text */
    UNIC__PICKLE_TUPLE,
    UNIC__PICKLE_LIST,
    UNIC__PICKLE_DICT, /* an OrderedDict too, without its attributes */
    UNIC__PICKLE_SET,  /* a frozenset too */
    UNIC__PICKLE_NAME,
    UNIC__PICKLE_CALL,      /* a recorded call of a function or class: an object */
    UNIC__PICKLE_PERSISTENT /* a reference to data outside the pickle */
} unic__pickle_kind;

typedef struct unic__value unic__value;

/* What was put into an object after its construction. */
typedef struct unic__value_more {
    unic__value *state; /* by BUILD; NULL */
    unic__value *items; /* by APPEND or SETITEM, a list or a dict; NULL */
} unic__value_more;

struct unic__value {
    uint8_t kind;   /* a unic__pickle_kind */
    uint16_t depth; /* of the tree from here on; 1 for a plain value */
    uint32_t nodes; /* values in the same tree */
    uint32_t room;  /* of as.many.items */
    uint32_t uses;  /* how often it stands in other values: above 0 it is frozen */
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
        struct {
            unic__pickle_name is;
            uint16_t module_size, name_size;
            const char *module, *name; /* no NUL behind either */
        } name;
        struct {
            const unic__value *function; /* a name, or what another call would give */
            unic__value *args;           /* a tuple */
            unic__value_more *more;      /* NULL */
        } call;
        struct {
            const unic__value *id;
            const unic__value *next; /* the persistent object after it in the pickle; NULL */
        } persistent;
    } as;
};

typedef struct unic__pickle {
    unic__arena arena;
    const unic__value *root;
    const unic__value *persistent; /* the first of them; NULL */
} unic__pickle;

/*
 * Reads the pickle at the start of `data`, which must stay valid while the values are used:
 * texts and bytes point into it. *used is the pickle's length; if `data` ends before the pickle
 * does, the least number of bytes it needs, which is more than `size` (the status is
 * UNIC_E_FORMAT); after any other failure, 0. Messages begin "byte 31, REDUCE: "; the caller
 * puts the file in front. Afterwards free `out`, also after a failure.
 */
unic_status unic__pickle_read(unic__pickle *out, const void *data, size_t size, size_t *used);
void unic__pickle_free(unic__pickle *pickle);

/* ---- of values ---- */

/* For messages: "a tuple". */
const char *unic__pickle_kind_name(unic__pickle_kind kind);

/* For messages: "a tuple", "an object of collections.Counter"; returns `out`. */
enum { UNIC__VALUE_DESCRIPTION = 192 };
const char *unic__value_describe(const unic__value *v, char out[UNIC__VALUE_DESCRIPTION]);

/* Whether it is a text, or bytes: Python 2 does not tell them apart. */
bool unic__value_is_string(const unic__value *v);
/* Whether it is this text, or bytes that spell it. */
bool unic__value_is_text(const unic__value *v, const char *text);
bool unic__value_is_name(const unic__value *v, const char *module, const char *name);
bool unic__value_is_call(const unic__value *v, unic__pickle_name function);
/* The last value under a text key of a dict, NULL without one. */
const unic__value *unic__value_get(const unic__value *dict, const char *key);

/* Of an object: what BUILD gave it, or NULL. */
const unic__value *unic__value_state(const unic__value *call);
/* The value itself, or of an object what it holds: its entries, else its attributes. */
const unic__value *unic__value_contents(const unic__value *v);

/* Text for a message: at most 60 bytes of it, unprintable ones as "?"; returns `out`. */
enum { UNIC__VALUE_TEXT = 64 };
const char *unic__value_print(const unic__value *text, char out[UNIC__VALUE_TEXT]);

#endif
