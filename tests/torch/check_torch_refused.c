/* lib/torch/torch_file: hostile and damaged checkpoints, each refused with its reason. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "torch/torch_file.h"
#include "torch_help.h"

#define TORCH   TORCH_FIXTURES ""
#define P(text) (text), sizeof(text) - 1

/* ---- files by hand ---- */

/* Of Python's opcodes in their text form, where one is: */
#define DICT(items)              "(" items "d."
#define ID(type, key, count)     "(Vstorage\nctorch\n" type "\nV" key "\nVcpu\nI" count "\nt"
#define OLD_ID(type, key, count) "(Vstorage\nctorch\n" type "\nV" key "\nVcpu\nI" count "\nNt"
#define TENSOR(id, offset, dims, strides)                                                      \
    "ctorch._utils\n_rebuild_tensor_v2\n(" id "Q" offset dims strides "I00\nNtR"
#define DOUBLES(count)            ID("DoubleStorage", "0", count)
#define GOOD                      TENSOR(DOUBLES("4"), "I0\n", "(I2\nI2\nt", "(I2\nI1\nt")
#define W(tensor)                 P(DICT("Vw\n" tensor))
#define W4(offset, dims, strides) W(TENSOR(DOUBLES("4"), offset, dims, strides))

static const char zeros[64];

/* A zip checkpoint of this pickle and data/0 of `bytes` zeros. */
static const char *make_zip(const void *pickle, size_t size, size_t bytes)
{
    const char *path = io_path("made.pt");
    unic__zip_writer *w;
    remove(path);
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    io_assert_ok(unic__zip_add(w, "x/data.pkl", "", "", 0, pickle, size));
    io_assert_ok(unic__zip_add(w, "x/data/0", "", "", 0, zeros, bytes));
    io_assert_ok(unic__zip_finish(w));
    return path;
}

/* The first tensor that cannot be read, or "w", which is no number. */
static unic_status read_wrong(unic__torch_file *f)
{
    double x[64];
    for (size_t i = 0; i < unic__torch_count(f); i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
        if (t->wrong)
            return unic__torch_read_f64(f, t, x, 1);
    }
    return unic__torch_get_f64(f, "w", x);
}

/* Refused when it is opened, or when what it holds is needed. */
static void refused_in(const char *path, const char *message)
{
    unic__torch_file *f = NULL;
    unic_status status = torch_open(&f, path);
    ck_assert((status == UNIC_OK) == (f != NULL));
    if (status == UNIC_OK)
        status = read_wrong(f);
    unic__torch_close(f);
    io_assert_fails(status, UNIC_E_FORMAT, message);
    const char *again = strstr(unic_last_error(), path); /* once, at the start */
    ck_assert_msg(again == unic_last_error() && !strstr(again + 1, path), "%s",
                  unic_last_error());
}

START_TEST(reads_what_is_right)
{
    double x[4];
    unic__torch_file *f;
    io_assert_ok(torch_open(&f, make_zip(W(GOOD), 32)));
    io_assert_ok(unic__torch_read_f64(f, unic__torch_find(f, "w"), x, 4));
    unic__torch_close(f);
    /* A key with a slash has the path that it is. */
    io_assert_ok(torch_open(&f, make_zip(P(DICT("Va/b\n" GOOD "Va\n(Vc\n" GOOD "d")), 32)));
    io_assert_ok(unic__torch_read_f64(f, unic__torch_find(f, "a/b"), x, 4));
    io_assert_ok(unic__torch_read_f64(f, unic__torch_find(f, "a/c"), x, 4));
    unic__torch_close(f);
    /* An empty tensor may lie anywhere. */
    io_assert_ok(torch_open(&f, make_zip(W4("I99\n", "(I0\nI3\nt", "(I3\nI1\nt"), 32)));
    io_assert_ok(unic__torch_read_f64(f, unic__torch_find(f, "w"), x, 0));
    io_assert_ok(unic__torch_read_f64(f, unic__torch_find(f, "w"), x, 0));
    unic__torch_close(f);
}
END_TEST

/* ---- tensors ---- */

static const struct {
    const char *pickle;
    size_t size, bytes;
    const char *message;
} tensors[] = {
    /* sizes */
    {W(GOOD), 24, "made.pt: data/0 holds 24 bytes, but w is 2 x 2 float64 (32 bytes)"},
    {W(GOOD), 0, "data/0 holds 0 bytes, but w is 2 x 2 float64 (32 bytes)"},
    {W(GOOD), 40, "data/0 holds 40 bytes, but is said to hold 4 float64"},
    {W(GOOD), 33, "data/0 holds 33 bytes, but is said to hold 4 float64"},
    {W(TENSOR(DOUBLES("5"), "I0\n", "(I4\nt", "(I1\nt")), 32,
     "data/0 holds 32 bytes, but is said to hold 5 float64"},
    {W(TENSOR(DOUBLES("3"), "I0\n", "(I4\nt", "(I1\nt")), 24,
     "data/0 holds 24 bytes, but w is 4 float64 (32 bytes)"},
    {W(TENSOR(DOUBLES("9223372036854775807"), "I0\n", "(I4\nt", "(I1\nt")), 32,
     "is said to hold 9223372036854775807 float64"},
    {W(TENSOR(DOUBLES("0"), "I0\n", "(t", "(t")), 0,
     "data/0 holds 0 bytes, but w is a single float64 (8 bytes)"},
    {W(TENSOR(DOUBLES("-4"), "I0\n", "(I4\nt", "(I1\nt")), 32,
     "w: has a storage of -4 elements"},
    /* dims */
    {W4("I0\n", "(I-1\nt", "(I1\nt"), 32, "made.pt: w: has the dim -1"},
    {W4("I0\n", "(I-9223372036854775808\nt", "(I1\nt"), 32, "has the dim -9223372036854775808"},
    {W4("I0\n", "(I4294967296\nI4294967296\nt", "(I0\nI0\nt"), 32,
     "w: is 4294967296 x 4294967296 float64, beyond the address space"},
    {W4("I0\n", "(I1152921504606846976\nI8\nt", "(I0\nI0\nt"), 32, "beyond the address space"},
    {W4("I0\n", "(I4611686018427387904\nI4611686018427387904\nI0\nt", "(I1\nI1\nI1\nt"), 32,
     "beyond the address space"},
    {W4("I0\n", "(Vx\nt", "(I1\nt"), 32, "w: has a text for its dim, an int expected"},
    {W4("I0\n", "I4\n", "(I1\nt"), 32, "w: has an int for its dims, a tuple expected"},
    {W4("I0\n", "(I1\nI1\nI1\nI1\nI1\nI1\nI1\nt", "(I1\nI1\nI1\nI1\nI1\nI1\nI1\nt"), 32,
     "w: has 7 dims, at most 6 expected"},
    /* strides */
    {W4("I0\n", "(I2\nI2\nt", "(I-2\nI1\nt"), 32, "w: has the stride -2"},
    {W4("I3\n", "(I4\nt", "(I-1\nt"), 32, "w: has the stride -1"},
    {W4("I0\n", "(I2\nI2\nt", "(I2\nt"), 32, "w: has 2 dims and 1 strides"},
    {W4("I0\n", "(I2\nI2\nt", "(I3\nI1\nt"), 32,
     "data/0 holds 4 float64, but w, 2 x 2 float64 with the offset 0 and its strides, ends "
     "beyond"},
    {W4("I0\n", "(I3\nt", "(I4611686018427387904\nt"), 32, "ends beyond them"},
    {W4("I0\n", "(I3\nt", "(I9223372036854775807\nt"), 32, "ends beyond them"},
    {W4("I0\n", "(I5\nt", "(I0\nt"), 32,
     "data/0 holds 4 float64, but w is 5 float64: it repeats elements"},
    {W4("I0\n", "(I1000000\nI1000000\nt", "(I0\nI0\nt"), 32, "it repeats elements"},
    {W4("I0\n", "(I4\nI3\nt", "(I1\nI0\nt"), 32, "it repeats elements"},
    {W4("I0\n", "(I4\nt", "(F1.5\nt"), 32, "w: has a float for its stride, an int expected"},
    {W4("I0\n", "(I4\nt", "(Nt"), 32, "w: has None for its stride, an int expected"},
    /* offsets */
    {W4("I-1\n", "(I4\nt", "(I1\nt"), 32, "w: has the offset -1"},
    {W4("I1\n", "(I4\nt", "(I1\nt"), 32,
     "data/0 holds 4 float64, but w, 4 float64 with the offset 1 and its strides, ends beyond"},
    {W4("I4\n", "(t", "(t"), 32, "a single float64 with the offset 4 and its strides, ends"},
    {W4("I9223372036854775807\n", "(I4\nt", "(I9223372036854775807\nt"), 32,
     "ends beyond them"},
    {W4("I01\n", "(I4\nt", "(I1\nt"), 32, "w: has a bool for its offset, an int expected"},
    /* what a tensor is made of */
    {P(DICT("Vw\nctorch._utils\n_rebuild_tensor_v2\n)R")), 32, "w: is no readable tensor"},
    {P(DICT("Vw\nctorch._utils\n_rebuild_tensor_v2\n(I0\nI0\n(t(tI00\nNtR")), 32,
     "w: is no readable tensor"},
    {P(DICT("Vw\nctorch._utils\n_rebuild_tensor_v2\n(" DOUBLES("4") "QI0\n(ttR")), 32,
     "w: is no readable tensor"},
    {P(DICT("Vw\nctorch._utils\n_rebuild_parameter\n)R")), 32,
     "made.pt: w: is an object of torch._utils._rebuild_parameter, a number expected"},
    {P(DICT("Vw\nctorch._utils\n_rebuild_parameter\n(NI00\nNtR")), 32,
     "w: is an object of torch._utils._rebuild_parameter"},
    {P(DICT("Vw\nctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nN)NtR")), 32,
     "w: is an object of torch._tensor._rebuild_from_type_v2"},
    {P(DICT("Vw\nctorch._utils\n_rebuild_sparse_tensor\n)R")), 32,
     "made.pt: w is a sparse tensor, which is not read: save what to_dense() makes of it"},
    {P(DICT("Vw\nctorch._utils\n_rebuild_sparse_csr_tensor\n)R")), 32, "w is a sparse tensor"},
    {P(DICT("Vw\nctorch._utils\n_rebuild_nested_tensor\n)R")), 32,
     "w is a nested tensor, which is not read: save what to_padded_tensor() makes of it"},
    {P(DICT(
         "Vw\nctorch._utils\n_rebuild_tensor_v3\n(I0\nI0\n(t(tI00\nNctorch\nfloat8_e5m2\ntR")),
     32,
     "made.pt: w is a tensor of a type that is not read, the name torch.float8_e5m2: save what "
     ".float() makes of it"},
    {P(DICT("Vw\nctorch._utils\n_rebuild_tensor_v3\n)R")), 32,
     "w is a tensor of a type that is not read, without its name"},
    {P(DICT("Vw\ncos\nsystem\n(Vtrue\ntR")), 32, "w: is an object of os.system, a number"},
    {W(TENSOR(ID("ComplexFloatStorage", "0", "4"), "I0\n", "(I4\nt", "(I1\nt")), 32,
     "made.pt: w is of complex64, which is not read"},
    {W(TENSOR("(Vstorage\nctorch.storage\nUntypedStorage\nV0\nVcpu\nI32\nt", "I0\n", "(I4\nt",
              "(I1\nt")),
     32, "w is of untyped bytes, which is not read"},
    {W(TENSOR("Vstorage\n", "I0\n", "(t", "(t")), 32,
     "w: a persistent id is no (\"storage\", "},
    {W(TENSOR("(Vmodule\nctorch\nDoubleStorage\nV0\nVcpu\nI4\nt", "I0\n", "(t", "(t")), 32,
     "a persistent id is no"},
    {W(TENSOR("(Vstorage\nVx\nV0\nVcpu\nI4\nt", "I0\n", "(t", "(t")), 32,
     "a persistent id is no"},
    {W(TENSOR("(Vstorage\nctorch\nDoubleStorage\nI0\nVcpu\nI4\nt", "I0\n", "(t", "(t")), 32,
     "a persistent id is no"},
    {W(TENSOR("(Vstorage\nctorch\nDoubleStorage\nV0\nVcpu\nV4\nt", "I0\n", "(t", "(t")), 32,
     "a persistent id is no"},
    {W(TENSOR(OLD_ID("DoubleStorage", "0", "4"), "I0\n", "(t", "(t")), 32,
     "a persistent id is no"},
    {W(TENSOR("(Vstorage\ncnumpy\nndarray\nV0\nVcpu\nI4\nt", "I0\n", "(t", "(t")), 32,
     "w: has a storage of a type that is not read, the name numpy.ndarray"},
    {W(TENSOR(ID("DoubleStorage", "7", "4"), "I0\n", "(t", "(t")), 32,
     "w: has no storage data/7"},
    {W(TENSOR(ID("DoubleStorage", "../data.pkl", "4"), "I0\n", "(t", "(t")), 32,
     "w: has no storage data/../data.pkl"},
    {W(TENSOR(ID("DoubleStorage", "", "4"), "I0\n", "(t", "(t")), 32, "has no storage data/"},
    {W(TENSOR(ID("DoubleStorage", "0\\u0000", "4"), "I0\n", "(t", "(t")), 32,
     "has no storage data/0?"},
    {W(TENSOR(ID("DoubleStorage",
                 "00000000001111111111222222222233333333334444444444555555555566666", "4"),
              "I0\n", "(t", "(t")),
     32, "has no storage data/000000000011"},
    {P(DICT("Va\n" GOOD "Vb\n" TENSOR(ID("FloatStorage", "0", "8"), "I0\n", "(t", "(t"))), 32,
     "made.pt: b: data/0 is said to hold 4 float64 and 8 float32"},
    {P(DICT("Va\n" GOOD "Vb\n" TENSOR(DOUBLES("5"), "I0\n", "(t", "(t"))), 32,
     "b: data/0 is said to hold 4 float64 and 5 float64"},
    /* paths */
    {P(DICT("Vw\n" GOOD "Vw\n" GOOD)), 32, "made.pt: w is there twice"},
    {P(DICT("I3\n" GOOD "V3\n" GOOD)), 32, "made.pt: 3 is there twice"},
    {P(DICT("Va/b\n" GOOD "Va\n(Vb\n" GOOD "d")), 32, "made.pt: a/b is there twice"},
    {P(DICT("Va\n(Vb/c\n" GOOD "dVa/b\n(Vc\n" GOOD "d")), 32, "made.pt: a/b/c is there twice"},
    /* the pickle */
    {P("\x82\1."), 32, "made.pt: data.pkl: byte 0, EXT1: an opcode that is not read"},
    {P("]q\0\x85"
       "0h\0Na."),
     32, "data.pkl: byte 8, APPEND: changes a list that already stands in another value"},
    {P("(Vw\n"), 32, "data.pkl: byte 4: 1 more bytes expected, the pickle has 0"},
    {P(""), 32, "data.pkl: byte 0: 1 more bytes expected"},
    {P("N.N"), 32, "data.pkl: has 1 bytes behind its pickle"},
};

START_TEST(refuses_tensors)
{
    refused_in(make_zip(tensors[_i].pickle, tensors[_i].size, tensors[_i].bytes),
               tensors[_i].message);
}
END_TEST

START_TEST(paths_and_tensors_are_bounded)
{
    enum { KEY = 200, LEVELS = 6, MANY = UNIC__TORCH_TENSORS + 1 };
    static char deep[LEVELS * (KEY + 8) + 400], many[2 * MANY + 400];
    char key[KEY + 1] = "";
    memset(key, 'k', KEY);
    for (int levels = 5; levels <= 6; levels++) { /* 5 x 201 - 1 bytes, 6 x 201 - 1 bytes */
        size_t n = 0;
        for (int i = 0; i < levels; i++)
            n += (size_t)sprintf(deep + n, "(V%s\n", key);
        n += (size_t)sprintf(deep + n, "%s", GOOD);
        memset(deep + n, 'd', (size_t)levels);
        deep[n + (size_t)levels] = '.';
        const char *path = make_zip(deep, n + (size_t)levels + 1, 32);
        unic__torch_file *f;
        io_assert_ok(torch_open(&f, path));
        ck_assert_uint_eq(unic__torch_count(f),
                          levels == 5); /* of the other there is no path */
        for (size_t i = 0; i < unic__torch_count(f); i++) {
            ck_assert_uint_eq(strlen(unic__torch_tensor_at(f, i)->path), 5 * 201 - 1);
            ck_assert(unic__torch_find(f, unic__torch_tensor_at(f, i)->path) != NULL);
        }
        unic__torch_close(f);
    }
    size_t n = (size_t)sprintf(many, "(%s", GOOD);
    many[n++] = 'q';
    many[n++] = 0;
    for (size_t i = 1; i < MANY; i++) {
        many[n++] = 'h';
        many[n++] = 0;
    }
    memcpy(many + n, "t.", 2);
    refused_in(make_zip(many, n + 2, 32), "made.pt: has more than 65536 tensors");
}
END_TEST

START_TEST(refuses_torchs_own)
{
    refused_in(TORCH "complex.pt", "complex.pt: w is of complex64, which is not read");
    refused_in(TORCH "repeated.pt",
               "data/0 holds 1 float32, but w is 1000 float32: it repeats elements");
}
END_TEST

/* ---- archives ---- */

static const char *make_members(const char *const (*members)[2], size_t count)
{
    const char *path = io_path("made.pt");
    unic__zip_writer *w;
    remove(path);
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    for (size_t i = 0; i < count; i++)
        io_assert_ok(
            unic__zip_add(w, members[i][0], "", "", 0, members[i][1], strlen(members[i][1])));
    io_assert_ok(unic__zip_finish(w));
    return path;
}

START_TEST(refuses_archives)
{
    static const char *const none[][2] = {{"data.pk", "N."}, {"x/y/data.pkl", "N."}};
    static const char *const both[][2] = {{"data.pkl", "N."}, {"x/data.pkl", "N."}};
    static const char *const two[][2] = {{"x/data.pkl", "N."}, {"y/data.pkl", "N."}};
    static const char *const order[][2] = {{"x/data.pkl", "N."}, {"x/byteorder", "middle"}};
    static const char *const orders[][2] = {{"x/data.pkl", "N."},
                                            {"x/byteorder", "little little little"}};
    refused_in(make_members(none, 2),
               "made.pt: has 0 members <name>/data.pkl, one expected: it "
               "is no torch checkpoint");
    refused_in(make_members(both, 2), "has 2 members <name>/data.pkl, one expected");
    refused_in(make_members(two, 2), "has 2 members <name>/data.pkl, one expected");
    refused_in(make_members(order, 2), "made.pt: its byteorder is neither little nor big");
    refused_in(make_members(orders, 2), "member \"x/byteorder\": has 20 bytes, at most 16");
}
END_TEST

/* A changed element is found when its tensor is read, and does not matter to the others. */
START_TEST(finds_changed_elements)
{
    size_t size, part;
    unsigned char *zip = io_read(TORCH "types.pt", &size);
    const char *path = io_path("changed.pt");
    torch_member(zip, size, 2, &part)[5] ^= 1; /* data/1 */
    io_write(path, zip, size);
    unic__torch_file *f;
    float x[21];
    io_assert_ok(torch_open(&f, path));
    for (int again = 0; again < 2; again++) {
        io_assert_ok(unic__torch_read_f32(f, unic__torch_find(f, "float64"), x, 21));
        io_assert_fails(unic__torch_read_f32(f, unic__torch_find(f, "float32"), x, 21),
                        UNIC_E_FORMAT,
                        "changed.pt: member \"types/data/1\": is damaged: its CRC");
    }
    unic__torch_close(f);
    torch_member(zip, size, 0, &part)[5] ^= 1;
    io_write(path, zip, size);
    refused_in(path, "changed.pt: member \"types/data.pkl\": is damaged: its CRC");
    free(zip);
    /* Also where the tensor that is read does not lie. */
    zip = io_read(TORCH "views.pt", &size);
    unsigned char *line = torch_member(zip, size, 1, &part);
    ck_assert_uint_eq(part, 40 * sizeof(float));
    line[part - 1] ^= 1;
    io_write(path, zip, size);
    io_assert_ok(torch_open(&f, path));
    for (int again = 0; again < 2; again++)
        io_assert_fails(unic__torch_read_f32(f, unic__torch_find(f, "line/a"), x, 12),
                        UNIC_E_FORMAT, "member \"archive/data/0\": is damaged: its CRC");
    unic__torch_close(f);
    free(zip);
}
END_TEST

/* ---- old files ---- */

#define MAGIC    "\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19."
#define HEAD     MAGIC "I1001\n.(Vlittle_endian\nI01\nd."
#define OLD(key) TENSOR(OLD_ID("FloatStorage", key, "2"), "I0\n", "(I2\nt", "(I1\nt")
#define TWO      "\2\0\0\0\0\0\0\0" /* as many elements */
#define FLOATS   TWO "\0\0\0\0\0\0\x80\x3F"

static const struct {
    const char *file;
    size_t size;
    const char *message;
} old_files[] = {
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nl." FLOATS), NULL}, /* this one is right */
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nl." FLOATS "\0"),
     "made.pt: has 1 bytes behind its last storage"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nl." TWO "\0\0\0\0\0\0\0"),
     "made.pt: storage 0 is said to hold 2 float32, the file has 7 bytes more"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nl.\2\0\0\0\0\0\0"),
     "storage 0: 8 bytes expected at offset"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nl.\1\0\0\0\0\0\0\0\0\0\0\0"),
     "storage 0 holds 4 bytes, but w is 2 float32 (8 bytes)"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nl.\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
     "storage 0 holds 12 bytes, but is said to hold 2 float32"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nl.\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF" FLOATS),
     "storage 0 is said to hold 18446744073709551615 float32, the file has 16 bytes more"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nl.\0\0\0\0\0\0\0\x40" FLOATS),
     "is said to hold 4611686018427387904 float32"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nV1\nl." FLOATS FLOATS),
     NULL}, /* what stands behind w matters to nobody */
    {P(HEAD DICT("Vw\n" OLD("1")) "(V0\nV1\nl." FLOATS FLOATS),
     "made.pt: storage 1 stands behind a storage of a type that is not read"},
    {P(HEAD DICT("Vx\nctorch\nThing\n(" OLD_ID("ComplexFloatStorage", "0", "1") "QtRVw\n" OLD(
         "1")) "(V0\nV1\nl.\1\0\0\0\0\0\0\0"
               "12345678" FLOATS),
     NULL},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V0\nV0\nl." FLOATS FLOATS), "has the storage 0 twice"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(V1\nl." FLOATS), "made.pt: w: has no storage 0"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(l." FLOATS), "has 16 bytes behind its last storage"},
    {P(HEAD DICT("Vw\n" OLD("0")) "(I0\nl." FLOATS), "has an int for a storage's key, a text"},
    {P(HEAD DICT("Vw\n" OLD("0")) "N." FLOATS),
     "has None for its storages' keys, a list expected"},
    {P(HEAD DICT("Vw\n" TENSOR(ID("FloatStorage", "0", "2"), "I0\n", "(I2\nt",
                               "(I1\nt")) "(V0\nl." FLOATS),
     "w: a persistent id is no (\"storage\", type, key, device, count)"},
    {P(HEAD DICT("Vw\n" TENSOR("(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI2\n(V1\nI0\nI1\ntt",
                               "I0\n", "(I2\nt", "(I1\nt")) "(V0\nl." FLOATS),
     "w: has a storage that is a view of another"},
    {P(MAGIC "I1002\n.(Vlittle_endian\nI01\nd."), "is of another version of torch's files"},
    {P(MAGIC "V1001\n.(Vlittle_endian\nI01\nd."), "is of another version of torch's files"},
    {P(MAGIC "I1001\n.(Vlittle_endian\nI00\nd."), "is not from a little-endian machine"},
    {P(MAGIC "I1001\n.(Vbig_endian\nI00\nd."), "is not from a little-endian machine"},
    {P(MAGIC "I1001\n.N."), "is not from a little-endian machine"},
    {P(MAGIC "I1001\n.cos\nsystem\n."), "is not from a little-endian machine"},
    {P(MAGIC "cos\nsystem\n."), "is of another version of torch's files than 1001"},
    {P(HEAD "cos\nsystem\n(Vx\ntR."),
     "its pickle of the storages' keys: byte 0: 1 more bytes expected"},
    {P(HEAD "N.cos\nsystem\n(Vx\ntR."),
     "has an object for its storages' keys, a list expected"},
    {P(HEAD "\x8E\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
            "abc"),
     "18446744073709551615 more bytes"},
    {P(HEAD "\x8E\0\0\0\0\1\0\0\0abc"), "BINBYTES8: 4294967296 more bytes expected"},
    {P("L119547037146038801333356L\n.I1001\n.(Vlittle_endian\nI01\nd." DICT(
         "Vw\n" OLD("0")) "(V0\nl." FLOATS),
     NULL},
    {P("(dp1\nS'a'\nI1\ns."), "is no torch checkpoint"},
    {P("L119547037146038801333355L\n."), "is no torch checkpoint"},
    {P(MAGIC), "its pickle of the version: byte 0: 1 more bytes expected"},
    {P("\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x18."), "is no torch checkpoint"},
    {P("PK"),
     "is no torch checkpoint: neither a zip file nor a pickle of torch's magic number"},
    {P("PK\3\4"), "is no zip file"},
    {P(""), "is no torch checkpoint"},
    {P("import os\n"), "is no torch checkpoint"},
};

START_TEST(refuses_old_files)
{
    const char *path = io_path("made.pt");
    io_write(path, old_files[_i].file, old_files[_i].size);
    if (old_files[_i].message) {
        refused_in(path, old_files[_i].message);
        return;
    }
    unic__torch_file *f;
    float x[2];
    io_assert_ok(torch_open(&f, path));
    io_assert_ok(unic__torch_read_f32(f, unic__torch_find(f, "w"), x, 2));
    ck_assert(x[0] == 0 && x[1] == 1);
    unic__torch_close(f);
}
END_TEST

/* Pickles longer than what is read at first; a text of each of these lengths lies before w. */
START_TEST(old_files_have_long_pickles)
{
    const uint32_t lengths[] = {10, 65000, 65460, 65536, 70000, 140000, 1 << 20};
    const char *path = io_path("made.pt");
    static const char start[] = HEAD "(Va\nX", end[] = "Vw\n" OLD("0") "d.(V0\nl." FLOATS;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (int cut = 0; cut < 2; cut++) {
            size_t size = sizeof start - 1 + 4 + lengths[i] + sizeof end - 1;
            unsigned char *file = malloc(size);
            memset(file, 'x', size);
            memcpy(file, start, sizeof start - 1);
            torch_put32(file + sizeof start - 1, lengths[i]);
            memcpy(file + size - (sizeof end - 1), end, sizeof end - 1);
            io_write(path, file, cut ? size - sizeof end + 1 + 20 : size);
            free(file);
            if (cut) {
                refused_in(path, "made.pt: its pickle of the object: byte ");
                continue;
            }
            unic__torch_file *f;
            float x[2];
            io_assert_ok(torch_open(&f, path));
            io_assert_ok(unic__torch_read_f32(f, unic__torch_find(f, "w"), x, 2));
            ck_assert(x[0] == 0 && x[1] == 1);
            unic__torch_close(f);
        }
}
END_TEST

/* ---- damage ---- */

/* Reads all there is. Only what the pickles say can be wrong, so it is only kept in bounds. */
static unic_status read_all(const char *path)
{
    unic__torch_file *f;
    UNIC__TRY(torch_open(&f, path));
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < unic__torch_count(f) && status == UNIC_OK; i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
        size_t count = unic__shape_count(&t->shape);
        double *x = malloc(count * sizeof *x + 1), number;
        ck_assert(unic__torch_find(f, t->path) != NULL);
        status = unic__torch_read_f64(f, t, x, count);
        if (status == UNIC_OK && count == 1 && t->path[0])
            io_assert_ok(unic__torch_get_f64(f, t->path, &number));
        free(x);
    }
    unic__torch_close(f);
    return status;
}

START_TEST(a_cut_old_file_is_refused)
{
    size_t size;
    unsigned char *whole = io_read(TORCH "model_old.pt", &size);
    const char *path = io_path("cut.pt");
    for (size_t cut = 0; cut < size; cut += cut < size - 700 ? 7 : 1) {
        unic__torch_file *f;
        io_write(path, whole, cut);
        unic_status status = torch_open(&f, path);
        ck_assert_msg(status == UNIC_E_FORMAT, "%zu of %zu bytes: %s", cut, size,
                      unic_status_name(status));
    }
    free(whole);
}
END_TEST

static const char *const damaged[] = {TORCH "model.pt", TORCH "views.pt", TORCH "model_old.pt",
                                      TORCH "views_old.pt"};

START_TEST(survives_damage)
{
    enum { ROUNDS = 500, PICKLES = 3000 };
    size_t size, part;
    unsigned char *good = io_read(damaged[_i], &size), *bytes = malloc(size);
    unic__key key = unic__random_key(5, 0, (uint64_t)_i);
    const char *path = io_path("damaged.pt");
    bool zip = _i < 2;
    int refused = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        memcpy(bytes, good, size);
        unsigned char *data = zip ? torch_member(bytes, size, 0, &part) : bytes;
        if (!zip) /* its pickles; in the elements every byte is right */
            part = size < PICKLES ? size : PICKLES;
        torch_damage(data, part, key, round);
        if (zip)
            torch_fix_crc(bytes, size, 0);
        io_write(path, bytes, size);
        unic_status status = read_all(path);
        ck_assert_msg(status == UNIC_OK || status == UNIC_E_FORMAT, "%s", unic_last_error());
        refused += status != UNIC_OK;
    }
    ck_assert_msg(refused > ROUNDS / 4 && refused < ROUNDS, "%d refused", refused);
    free(bytes);
    free(good);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torch_refused");
    TCase *tests = tcase_create("torch_refused");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, reads_what_is_right);
    tcase_add_loop_test(tests, refuses_tensors, 0, sizeof tensors / sizeof tensors[0]);
    tcase_add_test(tests, paths_and_tensors_are_bounded);
    tcase_add_test(tests, refuses_torchs_own);
    tcase_add_test(tests, refuses_archives);
    tcase_add_test(tests, finds_changed_elements);
    tcase_add_loop_test(tests, refuses_old_files, 0, sizeof old_files / sizeof old_files[0]);
    tcase_add_test(tests, old_files_have_long_pickles);
    tcase_add_test(tests, a_cut_old_file_is_refused);
    tcase_add_loop_test(tests, survives_damage, 0, 4);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
