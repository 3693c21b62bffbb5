#include "file/sniff.h"

#include <string.h>

enum { HEAD = UNIC__FILE_HEAD };

static const struct {
    const char *name, *advice;
} kinds[] = {
    [UNIC__FILE_UNKNOWN] = {"a file of an unknown kind", ""},
    [UNIC__FILE_ZIP] = {"a zip file", ""},
    [UNIC__FILE_TORCH] = {"a file of torch.save()", ""},
    [UNIC__FILE_PICKLE] = {"a pickle",
                           "; save what is in it with torch.save() or numpy.savez()"},
    [UNIC__FILE_NPY] = {"one array (.npy)", ""},
    [UNIC__FILE_SAFETENSORS] = {"a safetensors file",
                                "; name the .pt or .npz that it was made of, or "
                                "safetensors.numpy.load_file() reads it "
                                "and numpy.savez() writes the npz"},
    [UNIC__FILE_HDF5] = {"an HDF5 file",
                         "; h5_to_npz.py of the examples/tools makes an npz of it"},
    [UNIC__FILE_MAT] = {"a MATLAB file",
                        "; scipy.io.loadmat() reads it, numpy.savez() writes the npz"},
    [UNIC__FILE_TAR] = {"a tar archive", "; unpack it first"},
    [UNIC__FILE_COMPRESSED] = {"a compressed file", "; unpack it first"},
    [UNIC__FILE_GGUF] = {"a GGUF file", ""},
    [UNIC__FILE_ONNX] = {"an ONNX file",
                         "; the checkpoint that it was exported from is needed"},
    [UNIC__FILE_TENSORFLOW] = {"a TensorFlow file", ""},
    [UNIC__FILE_ARROW] = {"an Arrow or Feather file",
                          "; pyarrow reads it, numpy.savez() writes the npz"},
    [UNIC__FILE_PARQUET] = {"a Parquet file",
                            "; pyarrow reads it, numpy.savez() writes the npz"},
    [UNIC__FILE_LFS_POINTER] = {"a pointer of Git LFS and not the file itself",
                                "; \"git lfs pull\" fetches it"},
    [UNIC__FILE_PAGE] = {"a text that begins with <, as a page does",
                         ": was it downloaded, and the download refused?"},
    [UNIC__FILE_JSON] = {"a text of JSON",
                         ": was it downloaded, and the download refused? Or it describes the "
                         "file that is meant"},
};

const char *unic__file_kind_name(unic__file_kind kind)
{
    return kinds[kind].name;
}

const char *unic__file_kind_advice(unic__file_kind kind)
{
    return kinds[kind].advice;
}

typedef struct head {
    unsigned char bytes[HEAD];
    size_t size;
    uint64_t file_size;
} head;

static bool has(const head *h, size_t at, const char *bytes, size_t size)
{
    return h->size >= at + size && memcmp(h->bytes + at, bytes, size) == 0;
}

/* An 8-byte length of the header, and the header: JSON of an object. */
static bool is_safetensors(const head *h)
{
    uint64_t size = 0;
    for (size_t i = 8; i-- > 0 && h->size > 8;)
        size = size << 8 | h->bytes[i];
    return h->size > 8 && h->bytes[8] == '{' && size >= 2 && size <= h->file_size - 8;
}

/* torch's magic number is in the first pickle; a frame may stand before it. */
static bool is_torch(const head *h)
{
    static const char magic[] = "\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19";
    for (size_t at = 2; at <= 16; at++)
        if (has(h, at, magic, sizeof magic - 1))
            return true;
    return has(h, 0, "L119547037146038801333356L", 26);
}

/* Models of protocol buffers begin with their version: of ONNX the file's, 3 or higher, and the
 * producer's name or version; of TensorFlow 1, and a graph. */
static bool is_onnx(const head *h)
{
    return has(h, 0, "\x08", 1) && h->size > 2 && h->bytes[1] >= 3 && h->bytes[1] < 0x20 &&
           (h->bytes[2] == 0x12 || h->bytes[2] == 0x1A || h->bytes[2] == 0x3A);
}

/* SavedModel; TFLite; a checkpoint's index, whose first entry has an empty key. */
static bool is_tensorflow(const head *h)
{
    return has(h, 0, "\x08\x01\x12", 3) || has(h, 4, "TFL3", 4) ||
           (has(h, 0, "\0\0\x06\x08", 4) && has(h, 5, "\x1A\x02\x08\x01", 4));
}

/* Protocols 2 to 5 say so; of 0 and 1 a few beginnings are told from texts. */
static bool is_pickle(const head *h)
{
    static const char *const starts[] = {"(dp",    "(lp",        "}q", "]q", "ccollections\n",
                                         "cnumpy", "ccopy_reg\n"};
    if (h->size >= 2 && h->bytes[0] == 0x80 && h->bytes[1] >= 2 && h->bytes[1] <= 5)
        return true;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (has(h, 0, starts[i], strlen(starts[i])))
            return true;
    return false;
}

/* Where the text begins, behind a mark of UTF-8 and blanks; h->size if it is no text. */
static size_t text_begins(const head *h)
{
    size_t at = has(h, 0, "\xEF\xBB\xBF", 3) ? 3 : 0;
    for (size_t i = 0; i < h->size; i++)
        if (h->bytes[i] < ' ' && !memchr("\t\r\n", h->bytes[i], 3))
            return h->size;
    while (at < h->size && memchr(" \t\r\n", h->bytes[at], 4))
        at++;
    return at;
}

static unic__file_kind kind_of_text(const head *h)
{
    const size_t at = text_begins(h);
    if (at == h->size)
        return UNIC__FILE_UNKNOWN;
    return h->bytes[at] == '<'                          ? UNIC__FILE_PAGE
           : h->bytes[at] == '{' || h->bytes[at] == '[' ? UNIC__FILE_JSON
                                                        : UNIC__FILE_UNKNOWN;
}

bool unic__zip_is_torch(const unic__zip *z)
{
    enum { ROOT = 256 };
    char root[ROOT];
    for (size_t i = 0; i < unic__zip_count(z); i++) {
        const char *name = unic__zip_name(z, i), *slash = strchr(name, '/');
        const char *last = slash ? slash + 1 : name;
        size_t version, length = (size_t)(last - name);
        if (strcmp(last, "data.pkl") != 0)
            continue;
        if (length >= ROOT)
            return false;
        memcpy(root, name, length);
        root[length] = '\0';
        return unic__zip_find(z, root, "version", &version);
    }
    return false;
}

static unic_status kind_of_zip(unic__file_kind *kind, unic__source *source)
{
    unic__zip *z = NULL;
    unic_status status = unic__zip_open_source(&z, source);
    *kind = UNIC__FILE_ZIP;
    if (status != UNIC_OK)
        return status == UNIC_E_FORMAT ? UNIC_OK : status;
    bool torch = unic__zip_is_torch(z);
    for (size_t i = 0; i < unic__zip_count(z) && !torch; i++) {
        const char *slash = strchr(unic__zip_name(z, i), '/');
        torch = slash && strcmp(slash, "/data.pkl") == 0;
    }
    unic__zip_close(z);
    *kind = torch ? UNIC__FILE_TORCH : UNIC__FILE_ZIP;
    return UNIC_OK;
}

/* Of a file that is no zip. */
static unic__file_kind kind_of(const head *h)
{
    static const struct {
        size_t at;
        const char *bytes;
        size_t size;
        unic__file_kind kind;
    } starts[] = {
        {0, "\x93NUMPY", 6, UNIC__FILE_NPY},
        {0, "MATLAB ", 7, UNIC__FILE_MAT}, /* 7.3 is HDF5 behind this */
        {0, "\x89HDF\r\n\x1A\n", 8, UNIC__FILE_HDF5},
        {512, "\x89HDF\r\n\x1A\n", 8, UNIC__FILE_HDF5},
        {257, "ustar", 5, UNIC__FILE_TAR},
        {0, "\x1F\x8B", 2, UNIC__FILE_COMPRESSED},
        {0, "BZh", 3, UNIC__FILE_COMPRESSED},
        {0,
         "\xFD"
         "7zXZ",
         5, UNIC__FILE_COMPRESSED},
        {0, "7z\xBC\xAF", 4, UNIC__FILE_COMPRESSED},
        {0, "Rar!", 4, UNIC__FILE_COMPRESSED},
        {0, "\x28\xB5\x2F\xFD", 4, UNIC__FILE_COMPRESSED},
        {0, "\x04\x22\x4D\x18", 4, UNIC__FILE_COMPRESSED}, /* lz4 */
        {0, "\x1F\x9D", 2, UNIC__FILE_COMPRESSED},         /* compress */
        {0, "GGUF", 4, UNIC__FILE_GGUF},
        {0, "ARROW1\0", 7, UNIC__FILE_ARROW},
        {0, "FEA1", 4, UNIC__FILE_ARROW},
        {0, "\xFF\xFF\xFF\xFF", 4, UNIC__FILE_ARROW}, /* a stream of messages */
        {0, "PAR1", 4, UNIC__FILE_PARQUET},
        {0, "version https://git-lfs.github.com/", 35, UNIC__FILE_LFS_POINTER},
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (has(h, starts[i].at, starts[i].bytes, starts[i].size))
            return starts[i].kind;
    return is_torch(h)         ? UNIC__FILE_TORCH
           : is_safetensors(h) ? UNIC__FILE_SAFETENSORS
           : is_pickle(h)      ? UNIC__FILE_PICKLE
           : is_onnx(h)        ? UNIC__FILE_ONNX
           : is_tensorflow(h)  ? UNIC__FILE_TENSORFLOW
                               : kind_of_text(h);
}

static bool is_zip(const head *h)
{
    return has(h, 0, "PK\3\4", 4) || has(h, 0, "PK\5\6", 4);
}

unic__file_kind unic__file_kind_of_bytes(const void *bytes, size_t size, uint64_t file_size)
{
    head h = {.size = size < HEAD ? size : HEAD, .file_size = file_size};
    memcpy(h.bytes, bytes, h.size);
    const unic__file_kind kind = is_zip(&h) ? UNIC__FILE_ZIP : kind_of(&h);
    return kind == UNIC__FILE_LFS_POINTER || text_begins(&h) == h.size ? kind
                                                                       : UNIC__FILE_UNKNOWN;
}

unic_status unic__file_sniff(unic__file_kind *kind, unic__source *source)
{
    head h = {.file_size = unic__source_size(source)};
    *kind = UNIC__FILE_UNKNOWN;
    h.size = h.file_size < HEAD ? (size_t)h.file_size : HEAD;
    unic_status status = unic__source_read(source, 0, h.bytes, h.size);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", unic__source_name(source));
    if (is_zip(&h))
        return kind_of_zip(kind, source);
    *kind = kind_of(&h);
    return UNIC_OK;
}
