#include "pickle_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values as texts ---- */

__attribute__((format(printf, 2, 3))) static void put(pickle_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->size, sizeof t->at - t->size, format, args);
    va_end(args);
    t->size += (size_t)n;
    if (t->size >= sizeof t->at)
        t->size = sizeof t->at - 1; /* a mutated pickle may be long */
}

static void put_bytes(pickle_text *t, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(t, bytes[i] >= 0x20 && bytes[i] < 0x7F ? "%c" : "\\x%02x", (unsigned char)bytes[i]);
}

void pickle_text_print(pickle_text *t, const unic__value *v)
{
    static const char *const brackets[] = {[UNIC__PICKLE_TUPLE] = "()",
                                           [UNIC__PICKLE_LIST] = "[]",
                                           [UNIC__PICKLE_DICT] = "{}",
                                           [UNIC__PICKLE_SET] = "<>"};
    ck_assert(v->depth >= 1 && v->depth <= UNIC__PICKLE_DEPTH && v->nodes >= 1);
    switch (v->kind) {
    case UNIC__PICKLE_NONE:
        put(t, "None");
        break;
    case UNIC__PICKLE_BOOL:
        put(t, v->as.truth ? "True" : "False");
        break;
    case UNIC__PICKLE_INT:
        put(t, "%lld", (long long)v->as.integer);
        break;
    case UNIC__PICKLE_FLOAT:
        put(t, "%.17g", v->as.real);
        break;
    case UNIC__PICKLE_BYTES:
        put(t, "b");
        /* fall through */
    case UNIC__PICKLE_TEXT:
        put(t, "'");
        put_bytes(t, v->as.text.at, v->as.text.size);
        put(t, "'");
        break;
    case UNIC__PICKLE_TUPLE:
    case UNIC__PICKLE_LIST:
    case UNIC__PICKLE_DICT:
    case UNIC__PICKLE_SET:
        put(t, "%c", brackets[v->kind][0]);
        for (size_t i = 0; i < v->as.many.count; i++) {
            bool is_value = v->kind == UNIC__PICKLE_DICT && i % 2;
            put(t, "%s", is_value ? ": " : i ? ", " : "");
            pickle_text_print(t, v->as.many.items[i]);
        }
        put(t, "%c", brackets[v->kind][1]);
        break;
    case UNIC__PICKLE_LONG:
        put(t, "long ");
        put_bytes(t, v->as.bytes.at, v->as.bytes.size);
        break;
    case UNIC__PICKLE_NAME: /* known ones without their module */
        if (v->as.name.is == UNIC__NAME_OTHER) {
            put_bytes(t, v->as.name.module, v->as.name.module_size);
            put(t, ".");
        }
        put_bytes(t, v->as.name.name, v->as.name.name_size);
        break;
    case UNIC__PICKLE_CALL:
        pickle_text_print(t, v->as.call.function);
        pickle_text_print(t, v->as.call.args);
        if (v->as.call.more && v->as.call.more->items) {
            put(t, "*");
            pickle_text_print(t, v->as.call.more->items);
        }
        if (unic__value_state(v)) {
            put(t, "+");
            pickle_text_print(t, unic__value_state(v));
        }
        break;
    case UNIC__PICKLE_PERSISTENT:
        put(t, "@");
        pickle_text_print(t, v->as.persistent.id);
        break;
    }
}

unic_status pickle_text_read(const void *data, size_t size, pickle_text *t, size_t *used)
{
    unsigned char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    unic__pickle p;
    unic_status status = unic__pickle_read(&p, copy, size, used);
    memset(t, 0, sizeof *t);
    ck_assert((status == UNIC_OK) == (p.root != NULL));
    if (status == UNIC_OK)
        pickle_text_print(t, p.root);
    unic__pickle_free(&p);
    free(copy);
    return status;
}

/* ---- a pickle that is built ---- */

void pickle_add(pickle_builder *b, const char *part, size_t size, size_t times)
{
    while (b->size + size * times > b->room) {
        b->room = b->room ? 2 * b->room : 256;
        b->at = realloc(b->at, b->room);
    }
    for (; times > 0; times--, b->size += size)
        memcpy(b->at + b->size, part, size);
}

unic_status pickle_finish(pickle_builder *b)
{
    unic__pickle p;
    size_t used;
    unic_status status = unic__pickle_read(&p, b->at, b->size, &used);
    unic__pickle_free(&p);
    free(b->at);
    *b = (pickle_builder){NULL, 0, 0};
    return status;
}
