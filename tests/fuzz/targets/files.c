/* Single files: what they are, arrays, archives. */
#include <stdlib.h>
#include <string.h>

#include "array/npy_file.h"
#include "array/npz.h"
#include "array/npz_help.h"
#include "array/safetensors.h"
#include "file/sniff.h"
#include "file/zip.h"
#include "fuzz/harness/fuzz.h"
#include "fuzz/harness/parcel.h"
#include "fuzz/targets/targets.h"

enum { MOST = 1 << 16 /* elements of an array that are read */ };

/* ---- sniff: any bytes, opened as everything that can be opened ---- */

static void run_sniff(const unsigned char *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    unic__file_kind kind;
    unic__source *source;
    FUZZ_CHECK(unic__source_open_file(&source, path) == UNIC_OK);
    FUZZ_CHECK(unic__file_sniff(&kind, source) == UNIC_OK);
    unic__source_release(source);
    FUZZ_CHECK(*unic__file_kind_name(kind) && unic__file_kind_advice(kind));
    unic_model *model;
    unic_head *head;
    unic_index *index;
    unic_trainer *trainer;
    unic_retriever *retriever;
    unic_segmenter *segmenter;
    unic_extractor *extractor;
    unic_config *config;
    fuzz_limit_begin();
    if (fuzz_made(unic_model_open(&model, path, &fuzz_open), model))
        unic_model_free(model);
    if (fuzz_made(unic_trainer_import(&trainer, path, NULL, NULL, &fuzz_open), trainer))
        unic_trainer_free(trainer);
    if (fuzz_made(unic_head_load(&head, path, &fuzz_open), head))
        unic_head_free(head);
    if (fuzz_made(unic_index_load(&index, path, &fuzz_open), index))
        unic_index_free(index);
    if (fuzz_made(unic_retriever_load(&retriever, path, &fuzz_open), retriever))
        unic_retriever_free(retriever);
    if (fuzz_made(unic_segmenter_load(&segmenter, path, &fuzz_open), segmenter))
        unic_segmenter_free(segmenter);
    if (fuzz_made(unic_extractor_load(&extractor, path, &fuzz_open), extractor))
        unic_extractor_free(extractor);
    if (fuzz_ok(unic_extractor_create(&extractor, "kind = vggish", NULL))) {
        fuzz_ok(unic_extractor_load_weights(extractor, path, &fuzz_open));
        unic_extractor_free(extractor);
    }
    fuzz_limit_end();
    if (fuzz_ok(unic_config_create(&config)))
        fuzz_ok(unic_config_load(config, path));
    unic_config_free(config);
    static const char *const names[] = {"x.npz", "x.csv", "x.npy", "x.zip", "x.h5", "x"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fuzz_write(names[i], data, size);
        fuzz_use_dataset(fuzz_path(names[i]), i == 2 || i == 3 ? "m" : NULL, 0);
    }
}

static void sniff_seeds(fuzz_seed_fn *add)
{
    static const char *const heads[] = {"\x93NUMPY",
                                        "MATLAB ",
                                        "\x89HDF\r\n\x1A\n",
                                        "BZh9",
                                        "GGUF",
                                        "(dp0\n",
                                        "\x80\x02]q\x00.",
                                        "video_id,category\na,b\n",
                                        "L119547037146038801333356L\n.",
                                        "code.dim = 4\n"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        add(heads[i], strlen(heads[i]));
    FUZZ_SEED(add, "\x02\0\0\0\0\0\0\0{}");
    fuzz_seed_file(add, "tests/array/fixtures/few_stored.npz");
    fuzz_seed_file(add, "tests/torch/fixtures/bare.pt");
}

const fuzz_target fuzz_sniff_target = {.name = "sniff",
                                       .reads = "what a file is, and every opening of it",
                                       .form = FUZZ_RAW,
                                       .largest = 4096,
                                       .run = run_sniff,
                                       .seeds = sniff_seeds};

/* ---- npy ---- */

static void run_npy(const unsigned char *data, size_t size)
{
    unic__npy_file f;
    if (!fuzz_ok(unic__npy_file_open(&f, fuzz_file(data, size))))
        return;
    size_t n = unic__shape_count(&f.info.shape), half = n / 2;
    char text[UNIC__SHAPE_TEXT];
    unic__shape_print(&f.info.shape, text);
    if (n <= MOST) {
        float *x = malloc((n + 1) * sizeof *x);
        int32_t *i = malloc((n + 1) * sizeof *i);
        fuzz_ok(unic__npy_file_all_f32(&f, x));
        fuzz_ok(unic__npy_file_all_i32(&f, i));
        if (unic__npy_file_is_row_major(&f))
            fuzz_ok(unic__npy_file_read_f32(&f, half, n - half, x));
        free(x);
        free(i);
    }
    unic__npy_file_close(&f);
}

/* An array of each type, in both orders, and headers as others write them. */
static void npy_seeds(fuzz_seed_fn *add)
{
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 3), }\n",
        "{\"shape\": (6,), \"descr\": \"float32\", \"fortran_order\": False}",
        "{'descr': u'<i4', 'fortran_order': False, 'shape': (2L, 0x3)}\r\n",
        "{'descr': '<f2', 'fortran_order': False, 'shape': ()}",
        "{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '|b1', 'fortran_order': False, 'shape': (1, 2, 3, 1, 1, 1), }",
        "{'descr': '<u8', 'fortran_order': True, 'shape': (0, 5), }",
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        fuzz_bytes b = {0};
        size_t size = strlen(headers[i]);
        unsigned char prefix[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)size,
                                    0};
        fuzz_bytes_add(&b, prefix, sizeof prefix);
        fuzz_bytes_add(&b, headers[i], size);
        fuzz_bytes_add(
            &b,
            "\0\0\x80\x3f\0\0\0\x40\1\0\0\0\2\0\0\0\0\0\x80\x3f\0\0\0\x40\1\0\0\0\2\0\0\0"
            "\0\0\x80\x3f\0\0\0\x40\1\0\0\0\2\0\0\0",
            48);
        static const size_t data[] = {24, 48, 24, 24, 2, 24, 6, 0};
        add(b.at, 10 + size + data[i]);
        free(b.at);
    }
}

const fuzz_target fuzz_npy_target = {.name = "npy",
                                     .reads = ".npy headers and elements",
                                     .form = FUZZ_RAW,
                                     .largest = 2048,
                                     .run = run_npy,
                                     .seeds = npy_seeds};

/* ---- zip: any bytes; the first one says whether its CRCs are to be believed ---- */

static void read_streamed(const unic__zip *z, size_t i)
{
    unic__zip_stream *s;
    unsigned char block[600];
    uint64_t left = unic__zip_size(z, i);
    if (!fuzz_ok(unic__zip_stream_open(&s, z, i)))
        return;
    do {
        size_t n = left < sizeof block ? (size_t)left : sizeof block;
        if (!fuzz_ok(unic__zip_stream_read(s, block, n)))
            break;
        left -= n;
    } while (left > 0);
    unic__zip_stream_close(s);
}

static void run_zip(const unsigned char *data, size_t size)
{
    unic__zip *z;
    if (size < 1 || !fuzz_made(unic__zip_open(&z, fuzz_file(data + 1, size - 1)), z))
        return;
    if (data[0] & 1)
        unic__zip_take_unchecked(z);
    for (size_t i = 0; i < unic__zip_count(z); i++) {
        const char *name = unic__zip_name(z, i);
        size_t found, bytes;
        void *whole;
        unsigned char part[16];
        FUZZ_CHECK(unic__zip_find(z, name, "", &found));
        FUZZ_CHECK(strcmp(unic__zip_name(z, found), name) == 0);
        if (unic__zip_size(z, i) <= MOST)
            read_streamed(z, i);
        if (fuzz_ok(unic__zip_read(z, i, MOST, &whole, &bytes))) {
            FUZZ_CHECK(bytes == unic__zip_size(z, i) && bytes <= MOST);
            FUZZ_CHECK(((const char *)whole)[bytes] == '\0');
            unic__free(whole);
        }
        if (unic__zip_is_stored(z, i))
            fuzz_ok(unic__zip_read_range(z, i, 3, part, sizeof part));
    }
    unic__zip_close(z);
}

static fuzz_seed_fn *add_zip;

static void add_behind_byte(const void *bytes, size_t size)
{
    fuzz_bytes b = {0};
    fuzz_bytes_add(&b, "", 1);
    fuzz_bytes_add(&b, bytes, size);
    if (b.size <= fuzz_zip_target.largest)
        add_zip(b.at, b.size);
    free(b.at);
}

static void zip_seeds(fuzz_seed_fn *add)
{
    static const char *const files[] = {"few_deflated", "few_stored", "piped_deflated",
                                        "piped_stored", "versions",   "zip64_all",
                                        "zip64_local"};
    static const fuzz_member parts[] = {
        {(const unsigned char *)"a.txt", (const unsigned char *)"aaaaaaaaaaaaaaaa", 5, 16,
         PARCEL_DEFLATED},
        {(const unsigned char *)"b/", (const unsigned char *)"", 2, 0, 0},
        {(const unsigned char *)"b/c", (const unsigned char *)"12345", 3, 5, PARCEL_LATE},
    };
    add_zip = add;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[128];
        strcpy(path, "tests/array/fixtures/");
        strcat(strcat(path, files[i]), ".npz");
        fuzz_seed_file(add_behind_byte, path);
    }
    fuzz_bytes parcel = {0};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        fuzz_parcel_add(&parcel, &parts[i]);
    fuzz_bytes zip = fuzz_parcel_zip(parcel.at, parcel.size);
    add_behind_byte(zip.at, zip.size);
    free(zip.at);
    free(parcel.at);
}

const fuzz_target fuzz_zip_target = {.name = "zip",
                                     .reads = "zip directories, inflating, CRCs",
                                     .form = FUZZ_RAW,
                                     .largest = 4096,
                                     .run = run_zip,
                                     .seeds = zip_seeds};

/* ---- npz: members whose sums are right ---- */

static void read_arrays(unic__npz *z, const char *name)
{
    unic__npy_info info;
    char *text;
    if (!fuzz_ok(unic__npz_info(z, name, &info))) {
        if (fuzz_ok(unic__npz_read_text(z, name, &text)))
            unic__free(text);
        return;
    }
    size_t n = unic__shape_count(&info.shape);
    if (n > MOST)
        return;
    double *x = malloc((n + 1) * sizeof *x);
    fuzz_ok(unic__npz_read_f32(z, name, (float *)(void *)x, n));
    fuzz_ok(unic__npz_read_f64(z, name, x, n));
    fuzz_ok(unic__npz_read_i32(z, name, (int32_t *)(void *)x, n));
    fuzz_ok(unic__npz_read_i64(z, name, (int64_t *)(void *)x, n));
    size_t rows = info.shape.rank ? info.shape.dim[0] : 0;
    for (size_t row = 0; row < rows && row < 3; row++)
        fuzz_ok(unic__npz_read_row_f32(z, name, row, (float *)(void *)x, n / rows));
    FUZZ_CHECK(!fuzz_ok(unic__npz_read_row_f32(z, name, rows, (float *)(void *)x, n)));
    free(x);
}

static void run_npz(const unsigned char *data, size_t size)
{
    unic__npz *z;
    fuzz_bytes zip = fuzz_parcel_zip(data, size);
    if (fuzz_made(npz_open(&z, fuzz_file(zip.at, zip.size)), z)) {
        for (size_t i = 0; i < unic__npz_count(z) && i < 16; i++)
            read_arrays(z, unic__npz_name(z, i));
        unic__npz_close(z);
    }
    free(zip.at);
}

static void npz_seeds(fuzz_seed_fn *add)
{
    fuzz_seed_parcel(add, "tests/array/fixtures/few_deflated.npz");
    fuzz_seed_parcel(add, "tests/array/fixtures/piped_stored.npz");
    fuzz_seed_parcel(add, "tests/array/fixtures/versions.npz");
    fuzz_seed_parcel(add, "tests/array/fixtures/refused.npz");
}

const fuzz_target fuzz_npz_target = {.name = "npz",
                                     .reads = "npz members, whole and by rows",
                                     .form = FUZZ_PARCEL,
                                     .largest = 4096,
                                     .run = run_npz,
                                     .seeds = npz_seeds};

/* ---- safetensors: the header's bytes, and behind a zero byte the elements ---- */

static void read_weights(unic__weight_file *f)
{
    static const char *const names[] = {"a", "b.c"};
    char text[UNIC__WEIGHT_LIST];
    FUZZ_CHECK(*unic__weight_file_list(f, text));
    fuzz_ok(unic__weight_file_enter(f, names, 2));
    for (size_t i = 0; i < f->count && i < 16; i++) {
        const unic__weight_tensor *t = &f->at[i];
        FUZZ_CHECK(i == 0 || strcmp(f->at[i - 1].name, t->name) < 0);
        FUZZ_CHECK(*f->prefix || unic__weight_file_find(f, t->name) == t);
        const size_t n = t->wrong ? 0 : unic__shape_count(&t->shape);
        if (n > MOST)
            continue;
        float *x = malloc((n + 1) * sizeof *x);
        if (fuzz_ok(unic__weight_file_read(f, t, x)))
            fuzz_check_finite(x, n);
        free(x);
    }
}

static void run_safetensors(const unsigned char *data, size_t size)
{
    const unsigned char *zero = size ? memchr(data, 0, size) : NULL;
    const size_t header = zero ? (size_t)(zero - data) : size;
    const size_t rest = zero ? size - header - 1 : 0;
    unsigned char *file = malloc(8 + size);
    unic__source *source;
    unic__weight_file *f;
    for (size_t i = 0; i < 8; i++)
        file[i] = (unsigned char)((uint64_t)header >> 8 * i);
    if (header)
        memcpy(file + 8, data, header);
    if (rest)
        memcpy(file + 8 + header, zero + 1, rest);
    FUZZ_CHECK(unic__source_open_file(&source, fuzz_file(file, 8 + header + rest)) == UNIC_OK);
    fuzz_limit_begin();
    if (fuzz_made(unic__safetensors_open(&f, source), f)) {
        read_weights(f);
        unic__weight_file_close(f);
    }
    fuzz_limit_end();
    unic__source_release(source);
    free(file);
}

static void safetensors_seeds(fuzz_seed_fn *add)
{
    static const char *const texts[] = {
        "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],"
        "\"data_offsets\":[0,8]},\"m.b.c\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":"
        "[8,12]}} \0abcdefghijkl",
        "{\"\\u00e9\\ud83d\\ude00\\n\":{\"shape\":[],\"dtype\":\"F64\",\"data_offsets\":[0,8]},"
        "\"i\":{\"dtype\":\"I64\",\"shape\":[0,3],\"data_offsets\":[8,8]},\"h\":{\"dtype\":\"BF16"
        "\",\"shape\":[1],\"data_offsets\":[8,10]}}\0abcdefghij",
        "{}\0"};
    static const size_t elements[] = {12, 10, 0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add((const unsigned char *)texts[i], strlen(texts[i]) + 1 + elements[i]);
}

const fuzz_target fuzz_safetensors_target = {.name = "safetensors",
                                             .reads = "files of safetensors",
                                             .form = FUZZ_RAW,
                                             .largest = 2048,
                                             .run = run_safetensors,
                                             .seeds = safetensors_seeds};
