/* A dataset of sources is that of files with the same bytes; what fails while it reads or opens. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/io_kinds.h"
#include "data/dataset_help.h"
#include "file/io_help.h"
#include "model/small_model.h"

enum { FILES = 2, CALLS = 20 };

static const data_file parts[FILES] = {
    {.name = "sources_a", .first = 0, .clips = 10, .length = 5, .labels = true},
    {.name = "sources_b", .first = 10, .clips = 6, .length = 5, .labels = true}};

static char paths[FILES][512];
static io_bytes bytes[FILES];

static void make(void)
{
    for (size_t i = 0; i < FILES; i++) {
        data_write(&parts[i], paths[i]);
        bytes[i] = io_bytes_of(paths[i]);
    }
}

static void drop(void)
{
    for (size_t i = 0; i < FILES; i++) {
        free(bytes[i].data);
        remove(paths[i]);
    }
}

/* Opens both; `refused` is one whose struct is wrong, -1: none. */
static unic_status open_both(unic_dataset **out, int refused, const unic_dataset_options *o)
{
    unic_source source[FILES];
    for (size_t i = 0; i < FILES; i++)
        source[i] = io_source(&bytes[i], i ? "second" : "first");
    if (refused >= 0)
        source[refused].size = -5;
    return unic_dataset_open_sources(out, (const unic_source *const[]){&source[0], &source[1]},
                                     FILES, o);
}

static void assert_closed(size_t times)
{
    for (size_t i = 0; i < FILES; i++)
        ck_assert_uint_eq(bytes[i].closed, times);
}

START_TEST(sources_are_read_as_files_are)
{
    static const struct {
        size_t batch;
        int shuffle, prefetch;
        size_t most;
    } ways[] = {{4, 0, 0, 0}, {3, 1, 0, 5}, {5, 1, 3, 0}, {16, 1, 2, 100}};
    make();
    const char *names[] = {paths[0], paths[1]};
    for (size_t w = 0; w < 4; w++) {
        unic_dataset_options o = data_options(ways[w].batch, ways[w].shuffle, ways[w].prefetch);
        unic_dataset *d, *same;
        int32_t got[CALLS * 16], wanted[CALLS * 16];
        bytes[0].most = bytes[1].most = ways[w].most;
        io_assert_ok(open_both(&d, -1, &o));
        io_assert_ok(unic_dataset_open(&same, names, FILES, &o));
        ck_assert(unic_dataset_clip_count(d) == 16 && unic_dataset_length(d) == 5);
        ck_assert_uint_eq(unic_dataset_modality_count(d), unic_dataset_modality_count(same));
        size_t n = data_read(d, CALLS, NULL, got), m = data_read(same, CALLS, NULL, wanted);
        data_assert_sequence(got, n, wanted, m);
        size_t rank;
        int64_t dims[UNIC_MAX_RANK];
        int32_t label[2][16];
        char name[64];
        io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, label[0]));
        io_assert_ok(unic_dataset_labels(&rank, same, "label", dims, label[1]));
        ck_assert(memcmp(label[0], label[1], sizeof label[0]) == 0);
        io_assert_ok(unic_dataset_clip_name(d, "audio", 12, name, sizeof name));
        ck_assert_str_eq(name, "clip 2 of second");
        assert_closed(0);
        unic_dataset_free(d);
        unic_dataset_free(same);
        assert_closed(1);
    }
    drop();
}
END_TEST

START_TEST(a_failing_read_is_tried_again)
{
    make();
    for (int prefetch = 0; prefetch < 3; prefetch += 2) {
        unic_dataset_options o = data_options(4, 0, prefetch);
        unic_dataset *d;
        const unic_batch *batch;
        io_assert_ok(open_both(&d, -1, &o));
        bytes[0].fails_at = bytes[0].reads + 3;
        bytes[0].returns = -UNIC_E_CANCELLED;
        io_assert_fails(unic_dataset_next(&batch, d), UNIC_E_CANCELLED, "first: ");
        bytes[0].fails_at = 0;
        int32_t clips[64];
        const size_t n = data_read(d, 4, NULL, clips); /* from the first batch on */
        ck_assert(n == 16 && clips[0] == 0 && clips[15] == 15);
        unic_dataset_free(d);
        assert_closed(1);
    }
    drop();
}
END_TEST

START_TEST(what_is_refused)
{
    make();
    unic_dataset_options o = data_options(4, 0, 0);
    unic_dataset *d;
    unic_source source = io_source(&bytes[0], NULL);
    const unic_source *one[] = {&source, NULL};
    io_assert_fails(unic_dataset_open_sources(&d, NULL, 1, &o), UNIC_E_ARG,
                    "unic_dataset_open_sources: no sources");
    io_assert_fails(unic_dataset_open_sources(&d, one, 0, &o), UNIC_E_ARG, "no sources");
    io_assert_fails(unic_dataset_open_sources(&d, one, 2, &o), UNIC_E_ARG,
                    "sources[1] is NULL");
    io_assert_fails(open_both(&d, 1, &o), UNIC_E_ARG, "sources[1] has the size -5");
    assert_closed(0); /* none, if one is refused */
    io_assert_fails(open_both(NULL, -1, &o), UNIC_E_ARG, "out is NULL");
    assert_closed(1);
    io_assert_fails(open_both(&d, -1, NULL), UNIC_E_ARG, "options is NULL");
    assert_closed(1);
    o.batch = 0;
    io_assert_fails(open_both(&d, -1, &o), UNIC_E_ARG, "unic_dataset_open_sources: batch is 0");
    assert_closed(1);
    o.batch = 4;
    o.split = "train";
    io_assert_fails(open_both(&d, -1, &o), UNIC_E_ARG,
                    "unic_dataset_open_sources: split \"train\" is asked for, but first is no "
                    "table");
    assert_closed(1);
    o.split = NULL;
    bytes[1].data[0] = 'X';
    memset(bytes[1].data + bytes[1].size - 22, 0, 22);
    io_assert_fails(open_both(&d, -1, &o), UNIC_E_FORMAT, "second: is no zip file");
    assert_closed(1);
    memcpy(bytes[1].data, "\x89HDF\r\n\x1A\n", 8);
    io_assert_fails(open_both(&d, -1, &o), UNIC_E_FORMAT, "second: is an HDF5 file");
    assert_closed(1);
    ck_assert(d == NULL);
    drop();
}
END_TEST

static unic_status open_and_read(const char *path)
{
    (void)path;
    unic_dataset_options o = data_options(4, 1, 0);
    unic_dataset *d;
    const unic_batch *batch;
    unic_status status = open_both(&d, -1, &o);
    if (status == UNIC_OK)
        status = unic_dataset_next(&batch, d);
    unic_dataset_free(d);
    assert_closed(1);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    make();
    io_fail_each_allocation(open_and_read, NULL);
    drop();
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("dataset_sources");
    tcase_add_test(t, sources_are_read_as_files_are);
    tcase_add_test(t, a_failing_read_is_tried_again);
    tcase_add_test(t, what_is_refused);
    tcase_add_test(t, survives_every_failing_allocation);
    return small_run("data/dataset_sources", t);
}
