/* lib/file/file: every call of the system fails in turn while a file is written. The old file
 * stays, no temporary one is left, no descriptor stays open. */
#define _GNU_SOURCE /* syscall(), struct stat64 */

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "array/npz.h"
#include "file/file.h"
#include "file/source.h"
#include "file/text_file.h"
#include "io_help.h"

/* ---- the system's calls, which the program finds here before it finds libc's ---- */

typedef enum call { NONE, OPEN, WRITE, FSYNC, CLOSE, RENAME, CALLS } call;

static struct {
    call fails;
    int after, error; /* so many calls succeed before */
    int failed;       /* how often it did fail */
    bool once, short_writes;
} fault;

static bool fails(call c)
{
    if (fault.fails != c || fault.after-- > 0)
        return false;
    fault.failed++;
    if (fault.once)
        fault.fails = NONE;
    errno = fault.error;
    return true;
}

int open64(const char *path, int flags, ...); /* where file offsets are made 64-bit */

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(OPEN) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open64(path, flags, mode);
}

ssize_t pwrite64(int file, const void *data, size_t bytes, off_t offset);

ssize_t pwrite64(int file, const void *data, size_t bytes, off_t offset)
{
    if (fails(WRITE))
        return -1;
    return syscall(SYS_pwrite64, file, data,
                   fault.short_writes && bytes > 1 ? bytes / 2 : bytes, offset);
}

ssize_t pwrite(int file, const void *data, size_t bytes, off_t offset)
{
    return pwrite64(file, data, bytes, offset);
}

int fsync(int file)
{
    return fails(FSYNC) ? -1 : (int)syscall(SYS_fsync, file);
}

int close(int file)
{
    long result = syscall(SYS_close, file); /* a close that fails closes all the same */
    return fails(CLOSE) ? -1 : (int)result;
}

int rename(const char *from, const char *to)
{
    return fails(RENAME) ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

/* ---- what is left ---- */

/* io_path() gives its place away again. */
static const char *place(void)
{
    static char path[512];
    snprintf(path, sizeof path, "%s", io_path("faults"));
    return path;
}

static size_t count_names(const char *folder, const char *part)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    ck_assert(d != NULL);
    for (const struct dirent *entry; (entry = readdir(d));)
        n += strstr(entry->d_name, part) != NULL;
    closedir(d);
    return n;
}

static void assert_holds(const char *path, const char *text)
{
    size_t size;
    unsigned char *bytes = io_read(path, &size);
    ck_assert_uint_eq(size, strlen(text));
    ck_assert_mem_eq(bytes, text, size);
    free(bytes);
}

static unic_status write_file(const char *path)
{
    unic__file_writer *w;
    UNIC__TRY(unic__file_create(&w, path));
    unic_status first = unic__file_write(w, "new ", 4);
    unic_status second = unic__file_write(w, "contents", 8);
    unic_status status = unic__file_commit(w);
    ck_assert(status != UNIC_OK || (first == UNIC_OK && second == UNIC_OK));
    return status;
}

static unic_status write_npz(const char *path)
{
    const float x[3] = {1, 2, 3};
    unic__npz_writer *w;
    UNIC__TRY(unic__npz_create(&w, UNIC__TO_FILE(path)));
    unic_status status = unic__npz_add_f32(w, "x", &UNIC__SHAPE_OF(3), x);
    unic_status finished = unic__npz_finish(w);
    ck_assert(finished != UNIC_OK || status == UNIC_OK);
    return finished;
}

/* ---- tests ---- */

START_TEST(a_call_that_fails_is_an_error)
{
    unic_status (*const writers[])(const char *) = {write_file, write_npz};
    static const int errors[] = {ENOSPC, EIO, EDQUOT};
    const char *path = place();
    for (size_t k = 0; k < 2; k++)
        for (int c = OPEN; c < CALLS; c++)
            for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
                io_write(path, "old", 3);
                size_t open_before = count_names("/proc/self/fd", "");
                memset(&fault, 0, sizeof fault);
                fault.error = errors[e];
                fault.fails = (call)c;
                unic_status status = writers[k](path);
                fault.fails = NONE;
                ck_assert_msg(status == UNIC_E_IO, "call %d: %s", c, unic_status_name(status));
                ck_assert_int_ge(fault.failed, 1);
                ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
                if (c != WRITE) /* which was said when it failed */
                    ck_assert_msg(strstr(unic_last_error(), strerror(errors[e])), "%s",
                                  unic_last_error());
                assert_holds(path, "old");
                ck_assert_uint_eq(count_names(io_path(""), "faults.tmp"), 0);
                ck_assert_uint_eq(count_names("/proc/self/fd", ""), open_before);
            }
    remove(path);
}
END_TEST

/* The second write, not the first; the local header; the directory. */
START_TEST(a_late_write_that_fails_is_an_error)
{
    const char *path = place();
    for (int after = 1; after < 4; after++) {
        io_write(path, "old", 3);
        memset(&fault, 0, sizeof fault);
        fault.error = ENOSPC;
        fault.after = after;
        fault.fails = WRITE;
        unic_status status = write_npz(path);
        fault.fails = NONE;
        ck_assert_int_eq(status, UNIC_E_IO);
        assert_holds(path, "old");
        ck_assert_uint_eq(count_names(io_path(""), "faults.tmp"), 0);
    }
    remove(path);
}
END_TEST

/* The directory is synchronised last: the file is in its place by then. */
START_TEST(a_directory_that_cannot_be_synchronised_is_a_warning)
{
    const char *path = place();
    io_write(path, "old", 3);
    memset(&fault, 0, sizeof fault);
    fault.error = EIO;
    fault.after = 1; /* the file's own */
    fault.fails = FSYNC;
    unic_status status = write_file(path);
    fault.fails = NONE;
    io_assert_ok(status);
    ck_assert_int_eq(fault.failed, 1);
    assert_holds(path, "new contents");
    remove(path);
}
END_TEST

START_TEST(interrupted_and_short_writes_go_on)
{
    const char *path = place();
    memset(&fault, 0, sizeof fault);
    fault.short_writes = true;
    io_assert_ok(write_file(path));
    assert_holds(path, "new contents");
    for (int c = WRITE; c <= FSYNC; c++) { /* one signal each */
        memset(&fault, 0, sizeof fault);
        fault.error = EINTR;
        fault.once = true;
        fault.fails = (call)c;
        remove(path);
        io_assert_ok(write_file(path));
        ck_assert_int_eq(fault.failed, 1);
        assert_holds(path, "new contents");
    }
    remove(path);
}
END_TEST

/* ---- sizes that are less than there is ---- */

static off_t hidden; /* bytes that a file has beyond the size that it says */

int fstat64(int file, struct stat64 *about);

int fstat64(int file, struct stat64 *about)
{
    long result = syscall(SYS_fstat, file, about);
    if (result == 0)
        about->st_size -= hidden < about->st_size ? hidden : about->st_size;
    return (int)result;
}

int fstat(int file, struct stat *about)
{
    return fstat64(file, (struct stat64 *)(void *)about);
}

enum { MOST = 10000 };
static size_t text_size;

static unic_status load_text(const char *path)
{
    char *text;
    size_t size;
    UNIC__TRY(unic__text_load(&text, &size, path, MOST, "a test"));
    ck_assert_uint_eq(size, text_size);
    for (size_t i = 0; i < size; i++)
        ck_assert(text[i] == (char)('a' + i % 26));
    ck_assert(text[size] == '\0');
    unic__free(text);
    return UNIC_OK;
}

/* A file that grows, or is of a file system that does not say sizes. */
START_TEST(texts_are_read_to_their_end)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 9999, MOST, MOST + 1, 2 * MOST};
    static const off_t beyond[] = {0, 1, 100, 2 * MOST};
    const char *path = io_path("text.txt");
    char text[2 * MOST];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof beyond / sizeof *beyond; k++) {
            text_size = sizes[i];
            io_write(path, text, sizes[i]);
            hidden = beyond[k];
            if (sizes[i] <= MOST)
                io_assert_ok(load_text(path));
            else
                io_assert_fails(load_text(path), UNIC_E_FORMAT,
                                "text.txt has more than 10000 bytes, too many for a test");
        }
    text_size = 5000;
    io_write(path, text, text_size);
    io_fail_each_allocation(load_text, path);
    hidden = -3; /* it was cut off since */
    io_assert_fails(load_text(path), UNIC_E_IO,
                    "text.txt: has changed since it was opened: it ends at 5000, at 5003 then");
    unic__source *source;
    hidden = 2 * MOST;
    io_assert_fails(unic__source_open_file(&source, path), UNIC_E_IO,
                    "text.txt: has more than the 0 bytes that it says: copy it");
    ck_assert_ptr_null(source);
    io_write(path, "", 0);
    io_assert_ok(unic__source_open_file(&source, path));
    unic__source_release(source);
    hidden = 0;
    char *version;
    size_t size;
    io_assert_ok(unic__text_load(&version, &size, "/proc/version", MOST, "a test"));
    ck_assert(size > 10 && strncmp(version, "Linux", 5) == 0);
    unic__free(version);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file/faults");
    TCase *tests = tcase_create("faults");
    tcase_add_test(tests, a_call_that_fails_is_an_error);
    tcase_add_test(tests, a_late_write_that_fails_is_an_error);
    tcase_add_test(tests, a_directory_that_cannot_be_synchronised_is_a_warning);
    tcase_add_test(tests, interrupted_and_short_writes_go_on);
    tcase_add_test(tests, texts_are_read_to_their_end);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
