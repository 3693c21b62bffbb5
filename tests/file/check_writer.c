/* Writers: a sink gets an archive from front to back, a file may be written anywhere. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/io_kinds.h"
#include "file/zip.h"
#include "io_help.h"
#include "model/small_model.h"

START_TEST(a_sink_is_written_from_front_to_back)
{
    io_taken taken = {.data = NULL};
    unic_sink sink = io_sink(&taken, "vault");
    unic__writer *w;
    io_assert_ok(unic__writer_open(&w, UNIC__TO_SINK(&sink)));
    ck_assert_str_eq(unic__writer_name(w), "vault");
    io_assert_ok(unic__writer_write_at(w, 0, "abc", 3));
    io_assert_ok(unic__writer_write_at(w, 3, "", 0));
    io_assert_ok(unic__writer_write_at(w, 3, "de", 2));
    io_assert_fails(unic__writer_write_at(w, 4, "x", 1), UNIC_E_STATE,
                    "vault: a sink has no place before its end");
    io_assert_fails(unic__writer_write_at(w, 5, "f", 1), UNIC_E_STATE,
                    "vault: not written after an earlier failure");
    io_assert_fails(unic__writer_seal(w), UNIC_E_STATE, "not written after");
    ck_assert(taken.size == 5 && memcmp(taken.data, "abcde", 5) == 0);
    unic__writer_abandon(w);
    ck_assert(taken.abandoned == 1 && !taken.finished);
    free(taken.data);
}
END_TEST

/* Several members at once are of files alone: their headers come last. */
START_TEST(an_open_member_does_not_go_to_a_sink)
{
    io_taken taken = {.data = NULL};
    unic_sink sink = io_sink(&taken, NULL);
    unic__zip_writer *z;
    size_t member;
    io_assert_ok(unic__zip_create(&z, UNIC__TO_SINK(&sink), false));
    io_assert_ok(unic__zip_begin(z, "a", "", 3, &member));
    io_assert_fails(unic__zip_append(z, member, "abc", 3), UNIC_E_STATE, "sink: ");
    io_assert_fails(unic__zip_finish(z), UNIC_E_STATE, "sink: not written");
    ck_assert(taken.writes == 0 && taken.abandoned == 1);
}
END_TEST

/* zip64 or not, a sink gets the bytes of the file. */
START_TEST(archives_are_the_same)
{
    for (int zip64 = 0; zip64 < 2; zip64++) {
        io_taken taken = {.data = NULL};
        unic_sink sink = io_sink(&taken, NULL);
        const char *path = io_path("sink.zip");
        const unic__output to[] = {UNIC__TO_FILE(path), UNIC__TO_SINK(&sink)};
        for (size_t i = 0; i < 2; i++) {
            unic__zip_writer *z;
            io_assert_ok(unic__zip_create(&z, to[i], zip64));
            io_assert_ok(unic__zip_add(z, "b", ".x", "head", 4, "body", 4));
            io_assert_ok(unic__zip_add(z, "a", "", "", 0, "", 0));
            io_assert_ok(unic__zip_finish(z));
        }
        size_t size;
        unsigned char *whole = io_read(path, &size);
        ck_assert(taken.size == size && memcmp(whole, taken.data, size) == 0);
        ck_assert_uint_eq(taken.finished, 1);
        free(whole);
        free(taken.data);
        remove(path);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("writer");
    tcase_add_test(t, a_sink_is_written_from_front_to_back);
    tcase_add_test(t, an_open_member_does_not_go_to_a_sink);
    tcase_add_test(t, archives_are_the_same);
    return small_run("file/writer", t);
}
