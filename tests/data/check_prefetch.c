/* lib/data/prefetch through unic_dataset.h: failures come at their turn and pass, the batch in
 * use is left alone, and a dataset can be freed at any time. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataset_help.h"
#include "file/io_help.h"

/* ---- failures while reading -------------------------------------------------------------- */

/* Into the file that is there, which a dataset has open. */
static void restore(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "r+b");
    ck_assert(f != NULL && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

/* A failure comes at its batch's turn; the next call tries that batch again. */
START_TEST(a_failed_batch_is_tried_again)
{
    const data_file many = {"dataset-many.npz", 0, MOST, LONGEST, NULL, false};
    char path[512];
    size_t size, n, m;
    int32_t expected[2 * MOST], got[2 * MOST];
    unic_dataset_options o = data_options(4, 1, _i);
    unic_dataset *d = data_open(data_write(&many, path), &o);
    unsigned char *bytes = io_read(path, &size);
    n = data_read(d, 20, NULL, expected);
    io_assert_ok(unic_dataset_seek(d, 0, 0));
    m = data_read(d, 1, NULL, got);
    ck_assert_int_eq(truncate(path, (off_t)(size / 2)), 0);
    size_t calls = 1;
    const unic_batch *b;
    unic_status status;
    while ((status = unic_dataset_next(&b, d)) == UNIC_OK) {
        m += data_check_batch(d, b, NULL, got + m);
        ck_assert_uint_lt(++calls, 16);
    }
    io_assert_fails(status, UNIC_E_IO, "dataset-many.npz: member \"");
    ck_assert_ptr_null(b);
    io_assert_fails(unic_dataset_next(&b, d), UNIC_E_IO, "dataset-many.npz"); /* still */
    restore(path, bytes, size);
    m += data_read(d, 20 - calls, NULL, got + m);
    data_assert_sequence(got, m, expected, n);
    free(bytes);
    unic_dataset_free(d);
}
END_TEST

START_TEST(damage_is_found_and_named)
{
    char path[512];
    size_t size;
    const unic_batch *b;
    unic_dataset_options o = data_options(4, 0, _i);
    unsigned char *bytes = io_read(data_write(&data_ten, path), &size);
    float mark = data_value(9, 1, 4, VIDEO - 1); /* the last number of the last clip */
    size_t at = size - sizeof mark;
    while (memcmp(bytes + at, &mark, sizeof mark) != 0)
        at--;
    bytes[at] ^= 1;
    io_write(path, bytes, size);
    unic_dataset *d = data_open(path, &o);
    for (int i = 0; i < 2; i++) {
        io_assert_fails(unic_dataset_next(&b, d), UNIC_E_FORMAT,
                        "dataset-ten.npz: member \"vid");
        ck_assert_ptr_null(b);
        io_assert_ok(unic_dataset_seek(d, 2, 1));
    }
    free(bytes);
    unic_dataset_free(d);
}
END_TEST

/* ---- threads ----------------------------------------------------------------------------- */

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

START_TEST(the_borrowed_batch_stays_as_it_is)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t clips[4], later[4];
    unic_dataset *d = data_open_ten(4, 1, 2);
    for (int i = 0; i < 12; i++) {
        const unic_batch *b;
        io_assert_ok(unic_dataset_next(&b, d));
        if (!b)
            continue;
        size_t n = data_check_batch(d, b, NULL, clips);
        pause_ms(1); /* the thread fills the other slots */
        if (i % 3 == 1)
            io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, NULL));
        if (i % 3 == 2)
            io_assert_ok(unic_dataset_seek(d, 0, 1));
        data_assert_sequence(later, data_check_batch(d, b, NULL, later), clips, n);
    }
    unic_dataset_free(d);
}
END_TEST

START_TEST(freed_and_sought_at_any_time)
{
    int32_t got[MOST];
    char path[512];
    data_write(&data_ten, path);
    for (int prefetch = 1; prefetch <= 4; prefetch++)
        for (size_t calls = 0; calls < 12; calls++) {
            unic_dataset_options o = data_options(3, 1, prefetch);
            unic_dataset *d = data_open(path, &o);
            data_read(d, calls, NULL, got);
            io_assert_ok(unic_dataset_seek(d, calls, calls % 4));
            if (calls % 2)
                data_read(d, 1, NULL, got);
            if (calls % 3 == 2)
                pause_ms(1); /* freed with a full ring, too */
            unic_dataset_free(d);
        }
}
END_TEST

typedef struct reader {
    const char *path;
    int32_t sequence[MOST];
    size_t n;
} reader;

static void *read_alone(void *user)
{
    reader *r = user;
    unic_dataset_options o = data_options(3, 1, 2);
    unic_dataset *d;
    const unic_batch *b;
    unic_array x;
    if (unic_dataset_open(&d, &r->path, 1, &o) != UNIC_OK)
        return NULL;
    for (int i = 0; i < 15 && unic_dataset_next(&b, d) == UNIC_OK; i++)
        for (size_t row = 0; b && row < unic_batch_clip_count(b); row++) {
            unic_batch_get(&x, NULL, b, "audio");
            r->sequence[r->n++] = (int32_t)((const float *)x.data)[row * 5 * AUDIO];
        }
    unic_dataset_free(d);
    return NULL;
}

START_TEST(datasets_of_two_threads_share_nothing)
{
    char path[512];
    data_write(&data_ten, path);
    reader readers[2] = {{.path = path}, {.path = path}};
    pthread_t other;
    ck_assert_int_eq(pthread_create(&other, NULL, read_alone, &readers[0]), 0);
    read_alone(&readers[1]);
    pthread_join(other, NULL);
    ck_assert_uint_eq(readers[0].n, 30);
    data_assert_sequence(readers[0].sequence, readers[0].n, readers[1].sequence, readers[1].n);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------ */

static unic_status read_all(const char *path)
{
    unic_dataset_options o = data_options(3, 1, 0);
    const char *paths[] = {path, path};
    unic_dataset *d;
    const unic_batch *b;
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t out[20 * 5];
    UNIC__TRY(unic_dataset_open(&d, paths, 2, &o));
    unic_status status = UNIC_OK;
    for (int i = 0; status == UNIC_OK && i < 9; i++)
        status = unic_dataset_next(&b, d);
    if (status == UNIC_OK)
        status = unic_dataset_labels(&rank, d, "video.step_labels", dims, out);
    unic_dataset_free(d);
    return status;
}

START_TEST(out_of_memory_is_a_status)
{
    const int32_t whole[10] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 0};
    data_file f = data_ten;
    char path[512];
    f.audio_lengths = whole;
    io_fail_each_allocation(read_all, data_write(&f, path));
}
END_TEST

static atomic_int left;

static void *limited_alloc(size_t bytes, void *user)
{
    (void)user;
    return atomic_fetch_sub(&left, 1) > 0 ? malloc(bytes) : NULL;
}

static void limited_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

/* The thread's failure is the caller's status, and passes when there is memory again. */
START_TEST(out_of_memory_on_the_thread_is_a_status)
{
    const unic_allocator limited = {sizeof limited, limited_alloc, limited_release, NULL};
    const unic_batch *b;
    int32_t clips[4];
    char path[512];
    unic_dataset_options o = data_options(4, 0, 2);
    data_write(&data_ten, path);
    ck_assert_int_eq(unic_set_allocator(&limited), UNIC_OK);
    atomic_store(&left, 10000);
    unic_dataset *d = data_open(path, &o);
    atomic_store(&left, 0);
    io_assert_fails(unic_dataset_next(&b, d), UNIC_E_NOMEM, "dataset-ten.npz");
    ck_assert_ptr_null(b);
    atomic_store(&left, 10000);
    io_assert_ok(unic_dataset_next(&b, d));
    ck_assert_uint_eq(data_check_batch(d, b, NULL, clips), 4);
    unic_dataset_free(d);
    unic_set_allocator(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data/prefetch");
    TCase *t = tcase_create("prefetch");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, a_failed_batch_is_tried_again, 0, 3); /* _i is the prefetch */
    tcase_add_loop_test(t, damage_is_found_and_named, 0, 3);
    tcase_add_test(t, the_borrowed_batch_stays_as_it_is);
    tcase_add_test(t, freed_and_sought_at_any_time);
    tcase_add_test(t, datasets_of_two_threads_share_nothing);
    tcase_add_test(t, out_of_memory_is_a_status);
    tcase_add_test(t, out_of_memory_on_the_thread_is_a_status);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
