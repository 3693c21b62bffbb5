#include "torch/torch_container.h"

#include <stdlib.h>
#include <string.h>

enum {
    LARGEST_PICKLE = 1 << 26, /* of 80 million parameters: under 2^20 bytes */
    SMALL_PICKLE = 1 << 20,
    SMALL_STORAGE = 1 << 20,
    LARGEST_RATIO = 64,
    FIRST_HEAD = 1 << 16,
    LARGEST_KEY = 64,
    BLOCK_SIZE = 1 << 16
};

static unsigned long long ull(uint64_t n)
{
    return n;
}

/* ---- types ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t size;
    const char *module, *storage;
} types[] = {
    [UNIC__TORCH_F64] = {"float64", 8, "torch", "DoubleStorage"},
    [UNIC__TORCH_F32] = {"float32", 4, "torch", "FloatStorage"},
    [UNIC__TORCH_F16] = {"float16", 2, "torch", "HalfStorage"},
    [UNIC__TORCH_BF16] = {"bfloat16", 2, "torch", "BFloat16Storage"},
    [UNIC__TORCH_I64] = {"int64", 8, "torch", "LongStorage"},
    [UNIC__TORCH_I32] = {"int32", 4, "torch", "IntStorage"},
    [UNIC__TORCH_I16] = {"int16", 2, "torch", "ShortStorage"},
    [UNIC__TORCH_I8] = {"int8", 1, "torch", "CharStorage"},
    [UNIC__TORCH_U8] = {"uint8", 1, "torch", "ByteStorage"},
    [UNIC__TORCH_BOOL] = {"bool", 1, "torch", "BoolStorage"},
    [UNIC__TORCH_COMPLEX64] = {"complex64", 8, "torch", "ComplexFloatStorage"},
    [UNIC__TORCH_COMPLEX128] = {"complex128", 16, "torch", "ComplexDoubleStorage"},
    [UNIC__TORCH_QINT8] = {"quantised int8", 1, "torch", "QInt8Storage"},
    [UNIC__TORCH_QUINT8] = {"quantised uint8", 1, "torch", "QUInt8Storage"},
    [UNIC__TORCH_QINT32] = {"quantised int32", 4, "torch", "QInt32Storage"},
    [UNIC__TORCH_UNTYPED] = {"untyped bytes", 1, "torch.storage", "UntypedStorage"},
};

const char *unic__torch_type_name(unic__torch_type type)
{
    return types[type].name;
}

size_t unic__torch_type_size(unic__torch_type type)
{
    return types[type].size;
}

bool unic__torch_type_is_read(unic__torch_type type)
{
    return type < UNIC__TORCH_COMPLEX64;
}

bool unic__torch_type_is_float(unic__torch_type type)
{
    return type <= UNIC__TORCH_BF16;
}

/* "torch.FloatStorage", and "torch.cuda.FloatStorage" of a writer that did not normalise it. */
static bool find_type(const unic__value *name, unic__torch_type *type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (unic__value_is_name(name, types[i].module, types[i].storage) ||
            unic__value_is_name(name, "torch.cuda", types[i].storage)) {
            *type = (unic__torch_type)i;
            return true;
        }
    return false;
}

/* ---- which storage an id means ---------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
    const unic__torch_key *x = a, *y = b;
    size_t n = x->key->as.text.size, other = y->key->as.text.size;
    int order = memcmp(x->key->as.text.at, y->key->as.text.at, n < other ? n : other);
    return order ? order : (n > other) - (n < other);
}

static bool find_key(const unic__torch_container *c, const unic__value *key, size_t *storage)
{
    if (!c->zip) {
        unic__torch_key wanted = {key, 0}, *found = NULL;
        if (c->storages)
            found = bsearch(&wanted, c->by_key, c->storages, sizeof wanted, compare_keys);
        if (found)
            *storage = found->storage;
        return found != NULL;
    }
    char text[LARGEST_KEY + 1];
    size_t size = key->as.text.size;
    if (!size || size > LARGEST_KEY || memchr(key->as.text.at, '\0', size))
        return false;
    memcpy(text, key->as.text.at, size);
    text[size] = '\0';
    return unic__zip_find(c->zip, c->prefix, text, storage);
}

/* The type of ("storage", type, key, device, count), in old files with a None behind it. */
static unic_status read_id(const unic__torch_container *c, const unic__value *id,
                           unic__torch_type *type, uint64_t *count)
{
    size_t fields = c->zip ? 5 : 6;
    char text[UNIC__VALUE_DESCRIPTION];
    unic__value *const *field = id->kind == UNIC__PICKLE_TUPLE ? id->as.many.items : NULL;
    if (!field || id->as.many.count != fields || !unic__value_is_text(field[0], "storage") ||
        field[1]->kind != UNIC__PICKLE_NAME || !unic__value_is_string(field[2]) ||
        field[4]->kind != UNIC__PICKLE_INT)
        return unic__fail(UNIC_E_FORMAT,
                          "a persistent id is no (\"storage\", type, key, device, count)");
    if (fields == 6 && field[5]->kind != UNIC__PICKLE_NONE)
        return unic__fail(UNIC_E_FORMAT,
                          "has a storage that is a view of another, as torch 0.3 wrote them");
    if (!find_type(field[1], type))
        return unic__fail(UNIC_E_FORMAT, "has a storage of a type that is not read, %s",
                          unic__value_describe(field[1], text));
    if (field[4]->as.integer < 0)
        return unic__fail(UNIC_E_FORMAT, "has a storage of %lld elements",
                          (long long)field[4]->as.integer);
    *count = (uint64_t)field[4]->as.integer;
    return UNIC_OK;
}

unic_status unic__torch_container_find(unic__torch_container *c, const unic__value *id,
                                       size_t *storage)
{
    unic__torch_type type = UNIC__TORCH_F64;
    uint64_t count = 0;
    UNIC__TRY(read_id(c, id, &type, &count));
    const unic__value *key = id->as.many.items[2];
    char text[UNIC__VALUE_TEXT];
    if (!find_key(c, key, storage))
        return unic__fail(UNIC_E_FORMAT, "has no storage %s%s", c->zip ? "data/" : "",
                          unic__value_print(key, text));
    unic__torch_storage *s = &c->storage[*storage];
    if (s->used && (s->type != type || s->count != count))
        return unic__fail(UNIC_E_FORMAT, "%s is said to hold %llu %s and %llu %s", s->name,
                          ull(s->count), types[s->type].name, ull(count), types[type].name);
    s->used = true;
    s->type = type;
    s->count = count;
    return UNIC_OK;
}

/* Notes the type and size of every storage that the pickle mentions, in use or not; one whose
 * id is not understood fails when a tensor in it is needed. */
static void use_storages(unic__torch_container *c)
{
    size_t storage;
    for (const unic__value *v = c->object.persistent; v; v = v->as.persistent.next)
        (void)unic__torch_container_find(c, v->as.persistent.id, &storage);
}

/* ---- zip files --------------------------------------------------------------------------- */

static unic_status read_order(unic__torch_container *c, const char *root)
{
    size_t member, size = 0;
    void *text = NULL;
    if (!unic__zip_find(c->zip, root, "byteorder", &member))
        return UNIC_OK; /* before torch 2.1: little */
    UNIC__TRY(unic__zip_read(c->zip, member, 16, &text, &size));
    c->big_endian = strcmp(text, "big") == 0;
    bool known = c->big_endian || strcmp(text, "little") == 0;
    unic__free(text);
    return known ? UNIC_OK
                 : unic__fail(UNIC_E_FORMAT, "%s: its byteorder is neither little nor big",
                              c->path);
}

/* The members <root>/data/<key> are storages; *root is "<root>/", or "" in a file that was packed again
 * without it. */
static unic_status find_members(unic__torch_container *c, size_t *pickle, const char **root)
{
    size_t found = 0, length = 0;
    for (size_t i = 0; i < unic__zip_count(c->zip); i++) {
        const char *name = unic__zip_name(c->zip, i), *slash = strchr(name, '/');
        const char *last = slash ? slash + 1 : name;
        if (strcmp(last, "data.pkl") != 0)
            continue;
        *pickle = i;
        length = (size_t)(last - name);
        found++;
    }
    if (found != 1)
        return unic__fail(UNIC_E_FORMAT,
                          "has %zu members <name>/data.pkl, one expected: it is "
                          "no torch checkpoint",
                          found);
    const char *name = unic__zip_name(c->zip, *pickle);
    *root = unic__arena_printf(&c->arena, "%.*s", (int)length, name);
    c->prefix = unic__arena_printf(&c->arena, "%.*sdata/", (int)length, name);
    c->storages = unic__zip_count(c->zip);
    c->storage = unic__alloc_array(c->storages, sizeof *c->storage);
    if (!*root || !c->prefix || !c->storage)
        return unic__no_memory(c->storages * sizeof *c->storage, "a checkpoint's storages");
    for (size_t i = 0; i < c->storages; i++) {
        name = unic__zip_name(c->zip, i);
        if (strncmp(name, c->prefix, length + 5) == 0)
            c->storage[i].name = name + length;
        c->storage[i].bytes = unic__zip_size(c->zip, i);
        c->storage[i].located = true;
    }
    return UNIC_OK;
}

static unic_status in_file(unic_status status, const unic__torch_container *c)
{
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "%s", c->path);
}

/* torch stores its pickle. A deflated one is of a file that was packed again, and ten times
 * smaller, not a thousand times: what a small file may ask for is bounded by its size. */
static unic_status check_ratio(const unic__torch_container *c, size_t member)
{
    uint64_t size = unic__zip_size(c->zip, member), packed = unic__zip_packed(c->zip, member);
    if (size <= SMALL_PICKLE || size / LARGEST_RATIO <= packed)
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT,
                      "data.pkl inflates from %llu to %llu bytes, at most %d to 1 "
                      "expected",
                      ull(packed), ull(size), LARGEST_RATIO);
}

static unic_status read_zip(unic__torch_container *c)
{
    size_t member = 0, size = 0, used = 0;
    const char *root = NULL;
    void *data = NULL;
    UNIC__TRY(unic__zip_open_source(&c->zip, c->source));
    if (unic__zip_take_unchecked(c->zip))
        unic__log_line(UNIC_LOG_INFO,
                       "%s: was written without CRCs: damage to its elements is not seen",
                       c->path);
    UNIC__TRY(in_file(find_members(c, &member, &root), c));
    UNIC__TRY(read_order(c, root));
    UNIC__TRY(in_file(check_ratio(c, member), c));
    UNIC__TRY(unic__zip_read(c->zip, member, LARGEST_PICKLE, &data, &size));
    c->head = data;
    unic_status status = unic__pickle_read(&c->object, c->head, size, &used);
    if (status == UNIC_OK && used < size)
        status = unic__fail(UNIC_E_FORMAT, "has %zu bytes behind its pickle", size - used);
    if (status == UNIC_OK)
        use_storages(c);
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "%s: data.pkl", c->path);
}

/* ---- old files --------------------------------------------------------------------------- */

/* The first pickle: the integer 0x1950a86a20f9469cfc6c, in bytes, or in protocol 0 in
 * digits. */
static const char magic[] = "\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19";
static const char magic_digits[] = "119547037146038801333356";

typedef struct head {
    const unsigned char *data;
    size_t size, at;
    size_t needed; /* more than `size`: these bytes at least must be there */
} head;

static unic_status next_pickle(head *h, unic__pickle *out, const char *what)
{
    size_t used = 0;
    unic_status status = unic__pickle_read(out, h->data + h->at, h->size - h->at, &used);
    if (status == UNIC_OK) {
        h->at += used;
        return UNIC_OK;
    }
    if (used && !unic__add_size(used, h->at, &h->needed))
        h->needed = SIZE_MAX;
    return unic__fail_in(status, "its pickle of %s", what);
}

static unic_status check_magic(head *h)
{
    unic__pickle p;
    unic_status status = next_pickle(h, &p, "torch's magic number");
    bool found = status == UNIC_OK && p.root->kind == UNIC__PICKLE_LONG;
    if (found) {
        size_t size = p.root->as.bytes.size;
        found = (size == sizeof magic - 1 && memcmp(p.root->as.bytes.at, magic, size) == 0) ||
                (size == sizeof magic_digits - 1 &&
                 memcmp(p.root->as.bytes.at, magic_digits, size) == 0);
    }
    unic__pickle_free(&p);
    if (status != UNIC_OK && status != UNIC_E_FORMAT)
        return status;
    return found ? UNIC_OK
                 : unic__fail(UNIC_E_FORMAT, "is no torch checkpoint: neither a zip file nor a "
                                             "pickle of torch's magic number");
}

static unic_status check_version(head *h)
{
    unic__pickle p;
    unic_status status = next_pickle(h, &p, "the version");
    if (status == UNIC_OK && (p.root->kind != UNIC__PICKLE_INT || p.root->as.integer != 1001))
        status = unic__fail(UNIC_E_FORMAT, "is of another version of torch's files than 1001");
    unic__pickle_free(&p);
    return status;
}

static unic_status check_system(head *h)
{
    unic__pickle p;
    unic_status status = next_pickle(h, &p, "the system");
    if (status == UNIC_OK) {
        const unic__value *little = p.root->kind == UNIC__PICKLE_DICT
                                        ? unic__value_get(p.root, "little_endian")
                                        : NULL;
        if (!little || little->kind != UNIC__PICKLE_BOOL || !little->as.truth)
            status = unic__fail(UNIC_E_FORMAT, "is not from a little-endian machine");
    }
    unic__pickle_free(&p);
    return status;
}

static unic_status parse_head(unic__torch_container *c, head *h)
{
    UNIC__TRY(check_magic(h));
    UNIC__TRY(check_version(h));
    UNIC__TRY(check_system(h));
    UNIC__TRY(next_pickle(h, &c->object, "the object"));
    UNIC__TRY(next_pickle(h, &c->keys, "the storages' keys"));
    c->data_start = h->at;
    return UNIC_OK;
}

/* Where the pickles end is known only after reading them: tries longer and longer heads. */
static unic_status read_head(unic__torch_container *c)
{
    uint64_t file = unic__source_size(c->source);
    size_t most = file < LARGEST_PICKLE ? (size_t)file : LARGEST_PICKLE, size = FIRST_HEAD;
    for (;;) {
        size = size < most ? size : most;
        c->head = unic__alloc(size);
        if (!c->head)
            return unic__no_memory(size, "a checkpoint's pickles");
        UNIC__TRY(unic__source_read(c->source, 0, c->head, size));
        head h = {c->head, size, 0, 0};
        unic_status status = parse_head(c, &h);
        if (status == UNIC_OK || h.needed <= size || h.needed > most)
            return status;
        unic__pickle_free(&c->object);
        unic__pickle_free(&c->keys);
        unic__free(c->head);
        c->head = NULL;
        size = h.needed > 2 * size ? h.needed : 2 * size;
    }
}

/* Where each storage is: known up to the first whose type is not, since its size is not. */
static unic_status locate(unic__torch_container *c)
{
    uint64_t at = c->data_start, end = unic__source_size(c->source), count;
    for (size_t i = 0; i < c->storages; i++) {
        unic__torch_storage *s = &c->storage[i];
        unsigned char raw[8];
        if (!s->used)
            return UNIC_OK;
        unic_status status = unic__source_read(c->source, at, raw, sizeof raw);
        if (status != UNIC_OK)
            return unic__fail_in(status, "%s", s->name);
        at += sizeof raw;
        count = 0;
        for (size_t k = sizeof raw; k-- > 0;)
            count = count << 8 | raw[k];
        if (count > (end - at) / types[s->type].size)
            return unic__fail(UNIC_E_FORMAT,
                              "%s is said to hold %llu %s, the file has %llu bytes more",
                              s->name, ull(count), types[s->type].name, ull(end - at));
        s->position = at;
        s->bytes = count * types[s->type].size;
        s->located = true;
        at += s->bytes;
    }
    return at == end ? UNIC_OK
                     : unic__fail(UNIC_E_FORMAT, "has %llu bytes behind its last storage",
                                  ull(end - at));
}

static unic_status read_old(unic__torch_container *c)
{
    char text[UNIC__VALUE_TEXT];
    UNIC__TRY(read_head(c));
    const unic__value *keys = c->keys.root;
    if (keys->kind != UNIC__PICKLE_LIST)
        return unic__fail(UNIC_E_FORMAT, "has %s for its storages' keys, a list expected",
                          unic__pickle_kind_name(keys->kind));
    c->storages = keys->as.many.count;
    c->storage = unic__alloc_array(c->storages, sizeof *c->storage);
    c->by_key = unic__alloc_array(c->storages, sizeof *c->by_key);
    if (!c->storage || !c->by_key)
        return unic__no_memory(c->storages * sizeof *c->storage, "a checkpoint's storages");
    for (size_t i = 0; i < c->storages; i++) {
        const unic__value *key = keys->as.many.items[i];
        if (!unic__value_is_string(key))
            return unic__fail(UNIC_E_FORMAT, "has %s for a storage's key, a text expected",
                              unic__pickle_kind_name(key->kind));
        c->by_key[i] = (unic__torch_key){key, i};
        c->storage[i].name = unic__arena_printf(&c->arena, "storage %s",
                                                unic__value_print(key, text));
        if (!c->storage[i].name)
            return unic__no_memory(UNIC__VALUE_TEXT, "a storage's name");
    }
    if (c->storages)
        qsort(c->by_key, c->storages, sizeof *c->by_key, compare_keys);
    for (size_t i = 1; i < c->storages; i++)
        if (compare_keys(&c->by_key[i - 1], &c->by_key[i]) == 0)
            return unic__fail(UNIC_E_FORMAT, "has the storage %s twice",
                              unic__value_print(c->by_key[i].key, text));
    use_storages(c);
    return locate(c);
}

/* ---- either ------------------------------------------------------------------------------ */

unic_status unic__torch_container_open(unic__torch_container *c, unic__source *source)
{
    memset(c, 0, sizeof *c);
    c->source = unic__source_retain(source);
    c->path = unic__source_name(source);
    unsigned char start[4] = {0};
    if (unic__source_size(source) >= sizeof start)
        UNIC__TRY(in_file(unic__source_read(c->source, 0, start, sizeof start), c));
    if (memcmp(start, "PK\3\4", sizeof start) != 0)
        return in_file(read_old(c), c);
    return read_zip(c);
}

void unic__torch_container_close(unic__torch_container *c)
{
    unic__pickle_free(&c->object);
    unic__pickle_free(&c->keys);
    unic__arena_free(&c->arena);
    for (size_t i = 0; c->storage && i < c->storages; i++)
        unic__free(c->storage[i].held);
    unic__free(c->storage);
    unic__free(c->by_key);
    unic__free(c->head);
    unic__zip_close(c->zip);
    unic__source_release(c->source);
    memset(c, 0, sizeof *c);
}

/* ---- the bytes of a storage -------------------------------------------------------------- */

/* Zeros deflate 1000 to 1, so that the ratio alone refuses nothing; but torch saves no storage of
 * which its tensors have a small part, unless that is a view of it. */
unic_status unic__torch_container_check_ratio(const unic__torch_container *c, size_t storage)
{
    const unic__torch_storage *s = &c->storage[storage];
    if (!c->zip || s->bytes <= SMALL_STORAGE || s->bytes / 2 <= s->needed)
        return UNIC_OK;
    const uint64_t packed = unic__zip_packed(c->zip, storage);
    if (s->bytes / LARGEST_RATIO <= packed)
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT,
                      "%s inflates from %llu to %llu bytes, of which its tensors have %llu: at "
                      "most %d to 1 expected; save .clone() of what is a view",
                      s->name, ull(packed), ull(s->bytes), ull(s->needed), LARGEST_RATIO);
}

/* Where several tensors lie in it, each would begin to inflate it anew. */
static unic_status hold(unic__torch_container *c, size_t storage)
{
    unic__torch_storage *s = &c->storage[storage];
    size_t size;
    UNIC__TRY(unic__zip_read(c->zip, storage, SIZE_MAX - 1, &s->held, &size));
    s->checked = true;
    return UNIC_OK;
}

unic_status unic__torch_stream_open(unic__torch_stream *s, unic__torch_container *c,
                                    size_t storage)
{
    *s = (unic__torch_stream){c, &c->storage[storage], NULL, 0};
    bool stored = c->zip && unic__zip_is_stored(c->zip, storage);
    if (!c->zip || s->storage->held || (s->storage->checked && stored))
        return UNIC_OK;
    if (s->storage->tensors > 1 && !stored)
        return hold(c, storage);
    return unic__zip_stream_open(&s->zip, c->zip, storage);
}

unic_status unic__torch_stream_read(unic__torch_stream *s, void *out, size_t bytes)
{
    const unic__torch_container *c = s->container;
    uint64_t at = s->at;
    s->at += bytes;
    if (s->storage->held) {
        memcpy(out, (const char *)s->storage->held + at, bytes);
        return UNIC_OK;
    }
    if (s->zip)
        return unic__zip_stream_read(s->zip, out, bytes);
    if (c->zip)
        return unic__zip_read_range(c->zip, (size_t)(s->storage - c->storage), at, out, bytes);
    return in_file(unic__source_read(c->source, s->storage->position + at, out, bytes), c);
}

unic_status unic__torch_stream_skip(unic__torch_stream *s, uint64_t bytes)
{
    if (!s->zip) {
        s->at += bytes;
        return UNIC_OK;
    }
    void *block = unic__alloc(BLOCK_SIZE);
    if (!block)
        return unic__no_memory(BLOCK_SIZE, "reading a storage");
    unic_status status;
    do { /* once of no bytes too: so the CRC of an empty member is checked */
        size_t n = bytes < BLOCK_SIZE ? (size_t)bytes : BLOCK_SIZE;
        status = unic__torch_stream_read(s, block, n);
        bytes -= n;
    } while (status == UNIC_OK && bytes);
    unic__free(block);
    return status;
}

unic_status unic__torch_stream_finish(unic__torch_stream *s)
{
    if (s->storage->checked)
        return UNIC_OK;
    UNIC__TRY(unic__torch_stream_skip(s, s->storage->bytes - s->at));
    s->storage->checked = true;
    return UNIC_OK;
}

void unic__torch_stream_close(unic__torch_stream *s)
{
    unic__zip_stream_close(s->zip);
    s->zip = NULL;
}
