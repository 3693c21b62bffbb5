/* lib/file/zip: each way in which an archive can lie is refused, by name. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "file/zip.h"
#include "io_help.h"

enum { MEMBERS = 3, X = 0, NOTES_TXT = 1, Y = 2 }; /* x.npy, notes.txt, y.npy */

/* A good file, to be patched: where its records stand. */
typedef struct image {
    unsigned char *bytes;
    size_t size, end;
    size_t entry[MEMBERS], local[MEMBERS];
} image;

static uint64_t get(const image *f, size_t at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;)
        value = value << 8 | f->bytes[at + i];
    return value;
}

static void put(image *f, size_t at, size_t width, uint64_t value)
{
    ck_assert_uint_le(at + width, f->size);
    for (size_t i = 0; i < width; i++, value >>= 8)
        f->bytes[at + i] = (unsigned char)value;
}

static image load(const char *path)
{
    image f;
    f.bytes = io_read(path, &f.size);
    f.end = f.size - 22;
    size_t at = (size_t)get(&f, f.end + 16, 4);
    if (at == 0xFFFFFFFF)
        at = (size_t)get(&f, f.end - 76 + 48, 8);
    for (size_t i = 0; i < MEMBERS; i++) {
        f.entry[i] = at;
        f.local[i] = (size_t)get(&f, at + 42, 4);
        if (f.local[i] == 0xFFFFFFFF) /* the last number of the zip64 field */
            f.local[i] = (size_t)get(
                &f, at + 46 + get(&f, at + 28, 2) + get(&f, at + 30, 2) - 8, 8);
        at += 46 + get(&f, at + 28, 2) + get(&f, at + 30, 2) + get(&f, at + 32, 2);
    }
    return f;
}

/* Fields of a member, in the directory and in its local header. */
typedef enum field { FLAGS, METHOD, CRC, PACKED, SIZE, NAME_SIZE } field;

static const struct {
    size_t entry, local, width;
} fields[] = {[FLAGS] = {8, 6, 2},    [METHOD] = {10, 8, 2}, [CRC] = {16, 14, 4},
              [PACKED] = {20, 18, 4}, [SIZE] = {24, 22, 4},  [NAME_SIZE] = {28, 26, 2}};

static uint64_t member_get(const image *f, size_t i, field field)
{
    return get(f, f->entry[i] + fields[field].entry, fields[field].width);
}

static void member_put_local(image *f, size_t i, field field, uint64_t value)
{
    put(f, f->local[i] + fields[field].local, fields[field].width, value);
}

static void member_put(image *f, size_t i, field field, uint64_t value)
{
    put(f, f->entry[i] + fields[field].entry, fields[field].width, value);
    member_put_local(f, i, field, value);
}

static void put_name(image *f, size_t i, const char *name, size_t size)
{
    memcpy(f->bytes + f->entry[i] + 46, name, size);
    memcpy(f->bytes + f->local[i] + 30, name, size);
}

/* Where a member's data start. */
static size_t data_of(const image *f, size_t i)
{
    return f->local[i] + 30 + (size_t)get(f, f->local[i] + 26, 2) +
           (size_t)get(f, f->local[i] + 28, 2);
}

static const char *save(const image *f)
{
    const char *path = io_path("patched.zip");
    io_write(path, f->bytes, f->size);
    return path;
}

/* The archive must be refused with this message, which names it. */
static void refuse(image f, const char *message)
{
    unic__zip *z;
    const char *path = save(&f);
    io_assert_fails(unic__zip_open(&z, path), UNIC_E_FORMAT, message);
    ck_assert(strstr(unic_last_error(), path) == unic_last_error());
    ck_assert(z == NULL);
    free(f.bytes);
}

/* The archive opens, but member `i` must be refused with this message, which names both. */
static void refuse_member(image f, size_t i, const char *message)
{
    unic__zip *z;
    void *data;
    size_t size;
    const char *path = save(&f);
    io_assert_ok(unic__zip_open(&z, path));
    io_assert_fails(unic__zip_read(z, i, 1 << 20, &data, &size), UNIC_E_FORMAT, message);
    ck_assert(strstr(unic_last_error(), path) == unic_last_error());
    ck_assert(strstr(unic_last_error(), unic__zip_name(z, i)) != NULL);
    ck_assert(data == NULL);
    unic__zip_close(z);
    free(f.bytes);
}

#define STORED   FIXTURES "few_stored.npz"
#define DEFLATED FIXTURES "few_deflated.npz"
#define ZIP64    FIXTURES "zip64_all.npz"
#define OWN64    "what write_own() writes: each 32-bit number stands in a zip64 record"
#define LOCAL64  FIXTURES "zip64_local.npz"

static const char *const good[] = {STORED,
                                   DEFLATED,
                                   ZIP64,
                                   LOCAL64,
                                   FIXTURES "piped_stored.npz",
                                   FIXTURES "piped_deflated.npz"};

START_TEST(accepts_a_comment)
{
    image f = load(STORED);
    f.bytes = realloc(f.bytes, f.size + 5);
    memcpy(f.bytes + f.size, "hello", 5);
    f.size += 5;
    put(&f, f.end + 20, 2, 5);
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, save(&f)));
    unic__zip_close(z);
    put(&f, f.end + 20, 2, 4);
    refuse(f, "no end of directory");
}
END_TEST

/* ---- damaged ends ---- */

START_TEST(refuses_every_truncation)
{
    image f = load(good[_i]);
    const char *path = io_path("truncated.zip");
    unic__zip *z;
    for (size_t size = 0; size < f.size; size++) {
        io_write(path, f.bytes, size);
        ck_assert_int_eq(unic__zip_open(&z, path), UNIC_E_FORMAT);
        io_write(path, f.bytes + f.size - size, size);
        ck_assert_int_eq(unic__zip_open(&z, path), UNIC_E_FORMAT);
    }
    free(f.bytes);
}
END_TEST

static const struct {
    const char *file;
    int at; /* from the end record */
    size_t width;
    uint64_t value;
    const char *message;
} bad_ends[] = {
    {STORED, 0, 4, 0x06054B51, "is no zip file, or a truncated one"},
    {STORED, 20, 2, 1, "no end of directory"},
    {STORED, 4, 2, 1, "a part of a zip file of several parts"},
    {STORED, 6, 2, 1, "a part of a zip file of several parts"},
    {STORED, 8, 2, 2, "a part of a zip file of several parts"},
    {STORED, 8, 4, 2 << 16 | 2, "bytes behind its 2 members"},
    {STORED, 8, 4, 4 << 16 | 4, "cannot be 4 members"},
    {STORED, 12, 4, 1, "its directory is said to have 1 bytes"},
    {STORED, 16, 4, 1, "but ends at"},
    {STORED, 16, 4, 0xFFFFFFFF, "but ends at"},
    {ZIP64, -20 + 4, 4, 1, "its zip64 locator is damaged"},
    {ZIP64, -20 + 8, 8, 1, "its zip64 end of directory is damaged"},
    {ZIP64, -20 + 8, 8, UINT64_MAX, "its zip64 locator is damaged"},
    {ZIP64, -20 + 16, 4, 2, "its zip64 locator is damaged"},
    {ZIP64, -76, 4, 0, "its zip64 end of directory is damaged"},
    {ZIP64, -76 + 4, 8, 45, "its zip64 end of directory is damaged"},
    {ZIP64, -76 + 16, 4, 1, "end-of-directory records disagree"},
    {ZIP64, -76 + 24, 8, 2, "end-of-directory records disagree"},
    {ZIP64, 8, 4, 2 << 16 | 2, "end-of-directory records disagree"},
    {ZIP64, 12, 4, 1, "end-of-directory records disagree"},
    {ZIP64, 16, 4, 1, "end-of-directory records disagree"},
    {OWN64, -76 + 40, 8, 1, "its directory is said to have 1 bytes"},
    {OWN64, -76 + 48, 8, 1, "but ends at"},
    {OWN64, -76 + 48, 8, UINT64_MAX, "but ends at"},
    {OWN64, -20, 4, 0,
     "but ends at"}, /* no locator: the 32-bit numbers are taken as they are */
};

static void write_own(const char *path)
{
    unic__zip_writer *w;
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), true));
    io_assert_ok(unic__zip_add(w, "x", "", "head", 4, "body", 4));
    io_assert_ok(unic__zip_add(w, "y", "", "", 0, "", 0));
    io_assert_ok(unic__zip_add(w, "z", "", "", 0, "", 0));
    io_assert_ok(unic__zip_finish(w));
}

START_TEST(refuses_damaged_ends)
{
    const char *file = bad_ends[_i].file;
    if (strcmp(file, OWN64) == 0)
        write_own(file = io_path("own64.zip"));
    image f = load(file);
    put(&f, (size_t)((int)f.end + bad_ends[_i].at), bad_ends[_i].width, bad_ends[_i].value);
    refuse(f, bad_ends[_i].message);
}
END_TEST

START_TEST(refuses_what_stands_before_or_behind)
{
    image f = load(STORED);
    f.bytes = realloc(f.bytes, f.size + 1);
    f.bytes[f.size++] = 0;
    refuse(f, "no end of directory");

    f = load(STORED);
    f.bytes = realloc(f.bytes, f.size + 1);
    memmove(f.bytes + 1, f.bytes, f.size++);
    refuse(f, "but ends at");
}
END_TEST

/* ---- headers that lie ---- */

START_TEST(refuses_bad_names)
{
    static const struct {
        const char *name, *message;
    } names[] = {{"/.npy", "is absolute"},        {"../xy", "has a \"..\" part"},
                 {"a/../", "has a \"..\" part"},  {"ab/..", "has a \"..\" part"},
                 {"x\0npy", "has the byte 0x00"}, {"x\\npy", "has the byte 0x5C"},
                 {"x\nnpy", "has the byte 0x0A"}, {"x\177npy", "has the byte 0x7F"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        image f = load(STORED);
        put_name(&f, X, names[i].name, 5);
        refuse(f, names[i].message);
    }
    image f = load(STORED);
    put(&f, f.entry[X] + 28, 2, 0);
    refuse(f, "has 0 bytes");
    f = load(STORED);
    put_name(&f, X, "..npy", 5); /* dots are fine where they are no part of their own */
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, save(&f)));
    unic__zip_close(z);
    free(f.bytes);
}
END_TEST

START_TEST(refuses_two_members_of_one_name)
{
    image f = load(STORED);
    put_name(&f, Y, "x.npy", 5);
    refuse(f, "two members are called \"x.npy\"");
}
END_TEST

START_TEST(refuses_overlaps)
{
    image f = load(STORED); /* two entries for one member */
    memcpy(f.bytes + f.entry[Y], f.bytes + f.entry[X], 46 + 5);
    refuse(f, "members \"x.npy\" and \"x.npy\" overlap");

    f = load(STORED); /* one byte into the next */
    member_put(&f, X, SIZE, member_get(&f, X, SIZE) + 1);
    member_put(&f, X, PACKED, member_get(&f, X, PACKED) + 1);
    refuse(f, "members \"x.npy\" and \"notes.txt\" overlap");
}
END_TEST

static const struct {
    field field;
    uint64_t value;
    const char *message;
} bad_members[] = {
    {SIZE, 47, "is stored, yet has 44 bytes in the file and 47 outside"},
    {PACKED, 47, "is stored, yet has 47 bytes in the file and 44 outside"},
};

START_TEST(refuses_bad_members)
{
    image f = load(STORED);
    member_put(&f, NOTES_TXT, bad_members[_i].field, bad_members[_i].value);
    refuse(f, bad_members[_i].message);
}
END_TEST

static const struct {
    field field;
    uint64_t value;
    const char *message;
} other_packings[] = {
    {FLAGS, 1 << 0, "is encrypted"},
    {FLAGS, 1 << 6, "is encrypted"},
    {FLAGS, 1 << 13, "is encrypted"},
    {FLAGS, 1 << 5, "is packed by method 0"},
    {METHOD, 12, "is packed by method 12, 0 (stored) or 8 (deflated) expected"},
    {METHOD, 9, "is packed by method 9"},
};

/* Only the member itself, read whole, in pieces or in parts, and not those beside it. */
START_TEST(refuses_members_packed_otherwise)
{
    const char *message = other_packings[_i].message;
    image f = load(STORED);
    member_put(&f, NOTES_TXT, other_packings[_i].field, other_packings[_i].value);
    unic__zip *z;
    unic__zip_stream *s;
    unsigned char part[4];
    void *data;
    size_t size;
    io_assert_ok(unic__zip_open(&z, save(&f)));
    io_assert_ok(unic__zip_read(z, X, 1 << 16, &data, &size));
    unic__free(data);
    io_assert_fails(unic__zip_stream_open(&s, z, NOTES_TXT), UNIC_E_FORMAT, message);
    ck_assert_ptr_null(s);
    io_assert_fails(unic__zip_read_range(z, NOTES_TXT, 0, part, 4), UNIC_E_FORMAT, message);
    unic__zip_close(z);
    refuse_member(f, NOTES_TXT, message);
}
END_TEST

START_TEST(refuses_an_incredible_ratio)
{
    image f = load(DEFLATED);
    member_put(&f, NOTES_TXT, SIZE, 1101 * (member_get(&f, NOTES_TXT, PACKED) + 1));
    refuse(f, "member \"notes.txt\": is said to inflate from");

    f = load(ZIP64); /* 17 GiB from 16 MiB */
    size_t zip64 = f.entry[X] + 46 + 5 + 4;
    put(&f, zip64, 8, UINT64_C(17) << 30);
    put(&f, zip64 + 8, 8, UINT64_C(16) << 20);
    refuse(f, "is said to inflate from 16777216 to 18253611008 bytes");
}
END_TEST

START_TEST(refuses_local_headers_that_differ)
{
    static const struct {
        field field;
        uint64_t change;
        const char *message;
    } differences[] = {
        {FLAGS, 1 << 1, "its flags is another"}, {METHOD, 8, "its method is another"},
        {CRC, 1, "its CRC is another"},          {PACKED, 1, "its packed size is another"},
        {SIZE, 1, "its size is another"},        {NAME_SIZE, 1, "its name is another"}};
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        image f = load(STORED);
        field field = differences[i].field;
        member_put_local(&f, X, field, member_get(&f, X, field) ^ differences[i].change);
        refuse(f, differences[i].message);
    }
    image f = load(STORED);
    f.bytes[f.local[X] + 30] = 'z';
    refuse(f, "member \"x.npy\": its name is another in the directory than before the data");

    f = load(STORED); /* zeros are for sizes that follow the data only */
    member_put_local(&f, X, SIZE, 0);
    member_put_local(&f, X, PACKED, 0);
    refuse(f, "its size is another");

    f = load(FIXTURES "piped_stored.npz");
    ck_assert_uint_eq(get(&f, f.local[X] + 22, 4), 0);
    member_put_local(&f, X, SIZE, 1);
    refuse(f, "its size is another");
}
END_TEST

START_TEST(refuses_wrong_offsets)
{
    image f = load(STORED);
    put(&f, f.entry[X] + 42, 4, f.size);
    refuse(f, "beyond the members");
    f = load(STORED);
    put(&f, f.entry[X] + 42, 4, 1);
    refuse(f, "its local header is damaged");
    f = load(STORED);
    put(&f, f.entry[X] + 34, 2, 1);
    refuse(f, "stands in another part of the zip file");
    f = load(STORED);
    put(&f, f.entry[X], 4, 0);
    refuse(f, "its directory entry is damaged");
    f = load(STORED);
    put(&f, f.entry[Y] + 32, 2, 1);
    refuse(f, "its directory entry is longer than the directory");
    f = load(STORED); /* the last member's data would reach into the directory */
    member_put(&f, Y, SIZE, member_get(&f, Y, SIZE) + 1);
    member_put(&f, Y, PACKED, member_get(&f, Y, PACKED) + 1);
    refuse(f, "its local header is damaged");
}
END_TEST

START_TEST(refuses_bad_zip64_fields)
{
    image f = load(ZIP64);
    size_t extra = f.entry[Y] + 46 + 5;
    ck_assert_uint_eq(get(&f, extra, 4), 24 << 16 | 1);
    put(&f, extra, 2, 2);
    refuse(f, "its zip64 field is missing");
    f = load(ZIP64);
    put(&f, extra + 2, 2, 20);
    refuse(f, "its zip64 field has 20 bytes for 3 numbers");
    f = load(ZIP64);
    put(&f, extra + 2, 2, 25);
    refuse(f, "its extra fields are damaged");
    f = load(ZIP64);
    put(&f, extra + 4 + 16, 8, UINT64_MAX - 20);
    refuse(f, "beyond the members");
    f = load(ZIP64);
    put(&f, extra + 4 + 8, 8, UINT64_MAX - 20);
    refuse(f, "its local header is damaged");

    f = load(LOCAL64); /* its headers have the sizes, and the field has them again */
    extra = f.local[X] + 30 + 5;
    ck_assert_uint_eq(get(&f, extra, 4), 16 << 16 | 1);
    put(&f, extra + 4, 8, get(&f, extra + 4, 8) + 1);
    refuse(f, "its zip64 field says 249, its header 248");
    f = load(LOCAL64);
    put(&f, extra + 2, 2, 8);
    refuse(f, "its zip64 field has 8 bytes for 0 numbers");
    f = load(LOCAL64); /* twice: an empty one, then one of 12 bytes */
    put(&f, extra + 2, 2, 0);
    put(&f, extra + 4, 4, 12 << 16 | 1);
    refuse(f, "its extra fields are damaged");
}
END_TEST

/* ---- data that lie ---- */

START_TEST(refuses_damaged_data)
{
    image f = load(STORED);
    f.bytes[data_of(&f, NOTES_TXT) + 7] ^= 1;
    refuse_member(f, NOTES_TXT, "is damaged: its CRC is ");
    f = load(DEFLATED);
    member_put(&f, NOTES_TXT, CRC, 0x12345678);
    refuse_member(f, NOTES_TXT, "12345678 expected");
    f = load(DEFLATED);
    f.bytes[data_of(&f, NOTES_TXT)] = 0x07; /* a block of the reserved type */
    refuse_member(f, NOTES_TXT, "its deflated data are damaged: invalid block type");
}
END_TEST

START_TEST(refuses_wrong_deflated_sizes)
{
    image f = load(DEFLATED);
    member_put(&f, NOTES_TXT, PACKED, member_get(&f, NOTES_TXT, PACKED) - 1);
    refuse_member(f, NOTES_TXT, "its deflated data are truncated");
    f = load(DEFLATED);
    member_put(&f, NOTES_TXT, SIZE, 43);
    refuse_member(f, NOTES_TXT, "inflates to more than its 43 bytes");
    f = load(DEFLATED);
    member_put(&f, NOTES_TXT, SIZE, 45);
    refuse_member(f, NOTES_TXT, "inflates to 44 bytes, 45 expected");
    f = load(DEFLATED); /* an empty deflate stream, with the rest of the old one behind it */
    put(&f, data_of(&f, NOTES_TXT), 2, 0x0003);
    member_put(&f, NOTES_TXT, SIZE, 0);
    member_put(&f, NOTES_TXT, CRC, 0);
    refuse_member(f, NOTES_TXT, "bytes behind its deflated data");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zip_refused");
    TCase *tests = tcase_create("zip_refused");
    const int good_count = sizeof good / sizeof good[0];
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, accepts_a_comment);
    tcase_add_loop_test(tests, refuses_every_truncation, 0, good_count);
    tcase_add_loop_test(tests, refuses_damaged_ends, 0, sizeof bad_ends / sizeof bad_ends[0]);
    tcase_add_test(tests, refuses_what_stands_before_or_behind);
    tcase_add_test(tests, refuses_bad_names);
    tcase_add_test(tests, refuses_two_members_of_one_name);
    tcase_add_test(tests, refuses_overlaps);
    tcase_add_loop_test(tests, refuses_bad_members, 0,
                        sizeof bad_members / sizeof bad_members[0]);
    tcase_add_loop_test(tests, refuses_members_packed_otherwise, 0,
                        sizeof other_packings / sizeof other_packings[0]);
    tcase_add_test(tests, refuses_an_incredible_ratio);
    tcase_add_test(tests, refuses_local_headers_that_differ);
    tcase_add_test(tests, refuses_wrong_offsets);
    tcase_add_test(tests, refuses_bad_zip64_fields);
    tcase_add_test(tests, refuses_damaged_data);
    tcase_add_test(tests, refuses_wrong_deflated_sizes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
