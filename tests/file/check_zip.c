/* lib/file/zip: good archives are read, whole, in pieces and in parts, and written. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/zip.h"
#include "io_help.h"

#define STORED   FIXTURES "few_stored.npz"
#define DEFLATED FIXTURES "few_deflated.npz"

enum { MEMBERS = 3, X = 0, NOTES_TXT = 1, Y = 2 }; /* x.npy, notes.txt, y.npy */

#define NOTES "a text of forty-four bytes, of forty-four.\r\n"

static void add(unic__zip_writer *w, const char *name, const char *body)
{
    io_assert_ok(unic__zip_add(w, name, "", "head ", 5, body, strlen(body)));
}

static void write_some(const char *path, bool zip64)
{
    unic__zip_writer *w;
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), zip64));
    add(w, "one", "and the body");
    add(w, "two/with a folder", "");
    add(w, "dr\xC3\xA9i", "x");
    io_assert_ok(unic__zip_add(w, "four", ".txt", "", 0, NULL, 0));
    io_assert_ok(unic__zip_finish(w));
}

/* ---- good archives ---- */

static const char *const good[] = {STORED,
                                   DEFLATED,
                                   FIXTURES "zip64_all.npz",
                                   FIXTURES "zip64_local.npz",
                                   FIXTURES "piped_stored.npz",
                                   FIXTURES "piped_deflated.npz"};

START_TEST(reads_good_archives)
{
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, good[_i]));
    ck_assert_str_eq(unic__zip_path(z), good[_i]);
    ck_assert_uint_eq(unic__zip_count(z), MEMBERS);
    ck_assert_str_eq(unic__zip_name(z, X), "x.npy");
    ck_assert_str_eq(unic__zip_name(z, NOTES_TXT), "notes.txt");
    ck_assert_uint_eq(unic__zip_size(z, X), 128 + 30 * 4);
    for (size_t i = 0, found; i < MEMBERS; i++) {
        ck_assert(unic__zip_find(z, unic__zip_name(z, i), "", &found) && found == i);
        void *data;
        size_t size;
        io_assert_ok(unic__zip_read(z, i, 1000, &data, &size));
        ck_assert_uint_eq(size, unic__zip_size(z, i));
        ck_assert_int_eq(((char *)data)[size], '\0');
        if (i == NOTES_TXT)
            ck_assert_str_eq(data, NOTES);
        unic__free(data);
    }
    size_t i;
    ck_assert(unic__zip_find(z, "y", ".npy", &i) && i == Y);
    ck_assert(!unic__zip_find(z, "y", "", &i));
    ck_assert(!unic__zip_find(z, "y.npy", ".npy", &i));
    ck_assert(!unic__zip_find(z, "", "", &i));
    ck_assert(!unic__zip_find(z, "zz", "", &i));
    unic__zip_close(z);
    unic__zip_close(NULL);
}
END_TEST

START_TEST(reads_in_pieces)
{
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, good[_i]));
    for (size_t piece = 1; piece < 60; piece += 7) {
        unic__zip_stream *s;
        char text[64] = "";
        io_assert_ok(unic__zip_stream_open(&s, z, NOTES_TXT));
        for (size_t done = 0, n; done < strlen(NOTES); done += n) {
            n = strlen(NOTES) - done < piece ? strlen(NOTES) - done : piece;
            io_assert_ok(unic__zip_stream_read(s, text + done, n));
        }
        ck_assert_str_eq(text, NOTES);
        io_assert_fails(unic__zip_stream_read(s, text, 1), UNIC_E_FORMAT,
                        "has 44 bytes, at least 45 expected");
        unic__zip_stream_close(s);
    }
    unic__zip_close(z);
}
END_TEST

START_TEST(reads_ranges_of_stored_members)
{
    unic__zip *z;
    char text[64] = "";
    io_assert_ok(unic__zip_open(&z, STORED));
    ck_assert(unic__zip_is_stored(z, NOTES_TXT));
    io_assert_ok(unic__zip_read_range(z, NOTES_TXT, 10, text, 10));
    ck_assert_str_eq(text, "forty-four");
    io_assert_ok(unic__zip_read_range(z, NOTES_TXT, 44, text, 0));
    io_assert_fails(unic__zip_read_range(z, NOTES_TXT, 40, text, 5), UNIC_E_FORMAT,
                    "has 44 bytes, 5 expected at offset 40");
    io_assert_fails(unic__zip_read_range(z, NOTES_TXT, UINT64_MAX, text, 5), UNIC_E_FORMAT,
                    "has 44 bytes");
    unic__zip_close(z);
    io_assert_ok(unic__zip_open(&z, DEFLATED));
    ck_assert(!unic__zip_is_stored(z, NOTES_TXT));
    io_assert_fails(unic__zip_read_range(z, NOTES_TXT, 0, text, 5), UNIC_E_ARG, "is deflated");
    void *data;
    size_t size;
    io_assert_fails(unic__zip_read(z, NOTES_TXT, 43, &data, &size), UNIC_E_FORMAT,
                    "member \"notes.txt\": has 44 bytes, at most 43 expected");
    unic__zip_close(z);
}
END_TEST

START_TEST(many_threads_read_one_archive)
{
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, DEFLATED));
    enum { READS = 64 };
    bool right[READS];
#pragma omp parallel for num_threads(4)
    for (int i = 0; i < READS; i++) {
        void *data;
        size_t size;
        right[i] = unic__zip_read(z, NOTES_TXT, 100, &data, &size) == UNIC_OK &&
                   strcmp(data, NOTES) == 0;
        unic__free(data);
    }
    for (int i = 0; i < READS; i++)
        ck_assert(right[i]);
    unic__zip_close(z);
}
END_TEST

START_TEST(accepts_an_empty_archive)
{
    static const unsigned char empty[22] = {'P', 'K', 5, 6};
    const char *path = io_path("empty.zip");
    io_write(path, empty, sizeof empty);
    unic__zip *z;
    size_t i;
    io_assert_ok(unic__zip_open(&z, path));
    ck_assert_uint_eq(unic__zip_count(z), 0);
    ck_assert(!unic__zip_find(z, "x", "", &i));
    unic__zip_close(z);
}
END_TEST

/* ---- writing ---- */

START_TEST(writes_what_it_reads)
{
    bool zip64 = _i;
    const char *path = io_path(zip64 ? "written64.zip" : "written.zip");
    write_some(path, zip64);
    static const struct {
        const char *name, *data;
    } expected[] = {{"one", "head and the body"},
                    {"two/with a folder", "head "},
                    {"dr\xC3\xA9i", "head x"},
                    {"four.txt", ""}};
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, path));
    ck_assert_uint_eq(unic__zip_count(z), 4);
    for (size_t i = 0; i < 4; i++) {
        void *data;
        size_t size;
        ck_assert_str_eq(unic__zip_name(z, i), expected[i].name);
        ck_assert(unic__zip_is_stored(z, i));
        io_assert_ok(unic__zip_read(z, i, 100, &data, &size));
        ck_assert_str_eq(data, expected[i].data);
        unic__free(data);
    }
    unic__zip_close(z);
    size_t size, same_size;
    unsigned char *bytes = io_read(path, &size);
    for (size_t at = 0; at + 5 <= size; at++)
        ck_assert(memcmp(bytes + at, "head ", 5) != 0 || at % 64 == 0);
    const char *again = io_path("again.zip");
    write_some(again, zip64);
    unsigned char *same = io_read(again, &same_size);
    ck_assert_uint_eq(size, same_size);
    ck_assert_mem_eq(same, bytes, size);
    free(same);
    free(bytes);
}
END_TEST

START_TEST(writes_more_members_than_16_bits_count)
{
    enum { COUNT = 66000 };
    const char *path = io_path("many.zip");
    unic__zip_writer *w;
    char name[16];
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%d", i);
        io_assert_ok(unic__zip_add(w, name, "", name, strlen(name), "", 0));
    }
    io_assert_ok(unic__zip_finish(w));
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, path));
    ck_assert_uint_eq(unic__zip_count(z), COUNT);
    size_t i, size;
    void *data;
    ck_assert(unic__zip_find(z, "65999", "", &i));
    io_assert_ok(unic__zip_read(z, i, 100, &data, &size));
    ck_assert_str_eq(data, "65999");
    unic__free(data);
    unic__zip_close(z);
}
END_TEST

START_TEST(writer_refuses_bad_names)
{
    const char *path = io_path("names.zip");
    io_write(path, "old", 3);
    unic__zip_writer *w;
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    add(w, "b", "");
    add(w, "a", "");
    add(w, "b", "");
    io_assert_fails(unic__zip_finish(w), UNIC_E_ARG, "two members are called \"b\"");
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    io_assert_fails(unic__zip_add(w, "../b", "", "", 0, "", 0), UNIC_E_ARG, "\"..\" part");
    add(w, "c", "");
    io_assert_fails(unic__zip_finish(w), UNIC_E_ARG, "a member could not be added");
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    unic__zip_abandon(w);
    unic__zip_abandon(NULL);
    size_t size;
    unsigned char *old = io_read(path, &size);
    ck_assert(size == 3 && memcmp(old, "old", 3) == 0);
    free(old);
    ck_assert(!io_has_leftovers(path));
}
END_TEST

/* ---- out of memory ---- */

static unic_status read_all(const char *path)
{
    unic__zip *z;
    UNIC__TRY(unic__zip_open(&z, path));
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < unic__zip_count(z) && status == UNIC_OK; i++) {
        void *data;
        size_t size;
        status = unic__zip_read(z, i, 1 << 20, &data, &size);
        unic__free(data);
    }
    unic__zip_close(z);
    return status;
}

static unic_status write_all(const char *path)
{
    unic__zip_writer *w;
    unic_status status;
    char name[16];
    UNIC__TRY(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    for (int i = 0; i < 70; i++) { /* enough for the directory to grow */
        snprintf(name, sizeof name, "%d", i);
        UNIC__TRY_OR(status, out, unic__zip_add(w, name, "", "x", 1, "y", 1));
    }
    return unic__zip_finish(w);
out:
    unic__zip_abandon(w);
    return status;
}

START_TEST(out_of_memory)
{
    io_fail_each_allocation(read_all, STORED);
    io_fail_each_allocation(read_all, DEFLATED);
    const char *path = io_path("memory.zip");
    io_fail_each_allocation(write_all, path);
    ck_assert(!io_has_leftovers(path));
    io_assert_ok(read_all(path));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zip");
    TCase *tests = tcase_create("zip");
    const int good_count = sizeof good / sizeof good[0];
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, reads_good_archives, 0, good_count);
    tcase_add_loop_test(tests, reads_in_pieces, 0, good_count);
    tcase_add_test(tests, reads_ranges_of_stored_members);
    tcase_add_test(tests, many_threads_read_one_archive);
    tcase_add_test(tests, accepts_an_empty_archive);
    tcase_add_loop_test(tests, writes_what_it_reads, 0, 2);
    tcase_add_test(tests, writes_more_members_than_16_bits_count);
    tcase_add_test(tests, writer_refuses_bad_names);
    tcase_add_test(tests, out_of_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
