/* lib/file/file: exact reads, and files that appear complete or not at all. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file/file.h"
#include "io_help.h"

static void assert_holds(const char *path, const char *text)
{
    size_t size;
    unsigned char *bytes = io_read(path, &size);
    ck_assert_uint_eq(size, strlen(text));
    ck_assert_mem_eq(bytes, text, size);
    free(bytes);
}

START_TEST(reads_exactly)
{
    const char *path = io_path("file-read");
    io_write(path, "0123456789", 10);
    unic__file file;
    io_assert_ok(unic__file_open(&file, path));
    ck_assert_uint_eq(file.size, 10);
    char text[10];
    io_assert_ok(unic__file_read_at(&file, 4, text, 3));
    ck_assert_mem_eq(text, "456", 3);
    io_assert_ok(unic__file_read_at(&file, 10, text, 0));
    io_assert_fails(unic__file_read_at(&file, 8, text, 3), UNIC_E_FORMAT,
                    "3 bytes expected at offset 8, the file ends at 10");
    io_assert_fails(unic__file_read_at(&file, UINT64_MAX, text, 3), UNIC_E_FORMAT, "3 bytes");
    ck_assert_int_eq(truncate(path, 5), 0);
    io_assert_fails(unic__file_read_at(&file, 4, text, 3), UNIC_E_IO,
                    "has changed since it was opened: it ends at 5, at 10 then");
    unic__file_close(&file);
}
END_TEST

START_TEST(opens_regular_files_only)
{
    unic__file file;
    io_assert_fails(unic__file_open(&file, io_path("absent")), UNIC_E_NOTFOUND, "absent");
    io_assert_fails(unic__file_open(&file, io_path("")), UNIC_E_IO, "is a directory");
    io_assert_fails(unic__file_open(&file, "/dev/null"), UNIC_E_IO, "/dev/null: is a pipe or");
    const char *fifo = io_path("file-fifo");
    unlink(fifo);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    io_assert_fails(unic__file_open(&file, fifo), UNIC_E_IO, "is a pipe");
    unlink(fifo);
}
END_TEST

START_TEST(commit_replaces_and_keeps_the_mode)
{
    const char *path = io_path("file-written");
    io_write(path, "old", 3);
    ck_assert_int_eq(chmod(path, 0640), 0);
    unic__file_writer *w;
    io_assert_ok(unic__file_create(&w, path));
    io_assert_ok(unic__file_write(w, "new ", 4));
    io_assert_ok(unic__file_write(w, "text", 4));
    assert_holds(path, "old"); /* until the very end */
    io_assert_ok(unic__file_commit(w));
    assert_holds(path, "new text");
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq(about.st_mode & 0777, 0640);
    ck_assert(!io_has_leftovers(path));
}
END_TEST

START_TEST(abandon_leaves_the_old_file)
{
    const char *path = io_path("file-abandoned");
    io_write(path, "old", 3);
    unic__file_writer *w;
    io_assert_ok(unic__file_create(&w, path));
    io_assert_ok(unic__file_write(w, "new", 3));
    ck_assert(io_has_leftovers(path));
    unic__file_abandon(w);
    unic__file_abandon(NULL);
    assert_holds(path, "old");
    ck_assert(!io_has_leftovers(path));
}
END_TEST

/* A program without a standard output: what it prints must not get into the file. */
START_TEST(what_closed_streams_leave_is_not_taken)
{
    const char *path = io_path("file-streams");
    int kept[3];
    fflush(NULL);
    for (int i = 0; i < 3; i++)
        kept[i] = fcntl(i, F_DUPFD, 10);
    for (int i = 0; i < 3; i++)
        close(i);
    unic__file_writer *w = NULL;
    unic__file file;
    unic_status status = unic__file_create(&w, path);
    const ssize_t printed = write(STDOUT_FILENO, "printed", 7);
    if (status == UNIC_OK)
        status = unic__file_write(w, "text", 4);
    if (status == UNIC_OK)
        status = unic__file_commit(w);
    if (status == UNIC_OK)
        status = unic__file_open(&file, path);
    const bool taken = fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 ||
                       fcntl(2, F_GETFD) >= 0;
    for (int i = 0; i < 3; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
    io_assert_ok(status);
    ck_assert(printed < 0 && !taken);
    unic__file_close(&file);
    assert_holds(path, "text");
}
END_TEST

/* Whoever frees its copies of handles in a child process does not take the parent's file. */
START_TEST(a_child_leaves_the_file_of_its_parent)
{
    const char *path = io_path("file-parent");
    unic__file_writer *w;
    int ended;
    io_assert_ok(unic__file_create(&w, path));
    io_assert_ok(unic__file_write(w, "text", 4));
    const pid_t child = fork();
    if (child == 0) {
        unic__file_abandon(w);
        _exit(0);
    }
    ck_assert(child > 0 && waitpid(child, &ended, 0) == child && ended == 0);
    io_assert_ok(unic__file_commit(w));
    assert_holds(path, "text");
    io_assert_fails(unic__file_create(&w, ""), UNIC_E_NOTFOUND, "\"\": cannot create");
}
END_TEST

/* A disk that is full, by way of a limit on the size of files. */
START_TEST(failed_write_leaves_the_old_file)
{
    const char *path = io_path("file-full");
    io_write(path, "old", 3);
    struct rlimit before, limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 1000;
    unic__file_writer *w;
    io_assert_ok(unic__file_create(&w, path));
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    static const char block[4096];
    unic_status first = unic__file_write(w, block, sizeof block);
    bool named = strstr(unic_last_error(), "cannot write") != NULL;
    unic_status second = unic__file_write(w, block, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    ck_assert_int_eq(first, UNIC_E_IO);
    ck_assert(named);
    ck_assert_int_eq(second, UNIC_E_IO);
    io_assert_fails(unic__file_commit(w), UNIC_E_IO, "not written after an earlier failure");
    assert_holds(path, "old");
    ck_assert(!io_has_leftovers(path));
}
END_TEST

START_TEST(refuses_what_it_must_not_replace)
{
    unic__file_writer *w;
    io_assert_fails(unic__file_create(&w, io_path("")), UNIC_E_IO, "is a directory");
    ck_assert(w == NULL);
    io_assert_fails(unic__file_create(&w, "/dev/null"), UNIC_E_IO, "no regular file");
    const char *link = io_path("file-link"); /* as /dev/stdout is one: it must stay a link */
    unlink(link);
    ck_assert_int_eq(symlink("file-target", link), 0);
    io_assert_fails(unic__file_create(&w, link), UNIC_E_IO, "is a symbolic link");
    ck_assert_int_eq(unlink(link), 0);
    io_assert_fails(unic__file_create(&w, io_path("absent/x")), UNIC_E_NOTFOUND, "absent/x");
    const char *locked = io_path("file-locked");
    mkdir(locked, 0755);
    ck_assert_int_eq(chmod(locked, 0555), 0);
    if (geteuid() != 0) /* root may write everywhere */
        io_assert_fails(unic__file_create(&w, io_path("file-locked/x")), UNIC_E_IO,
                        "cannot create");
    rmdir(locked);
}
END_TEST

/* The place is taken by a directory while the file is written. */
START_TEST(failed_rename_leaves_no_temporary)
{
    const char *path = io_path("file-taken");
    rmdir(path);
    unlink(path);
    unic__file_writer *w;
    io_assert_ok(unic__file_create(&w, path));
    ck_assert_int_eq(mkdir(path, 0755), 0);
    io_assert_fails(unic__file_commit(w), UNIC_E_IO, "cannot replace");
    ck_assert(!io_has_leftovers(path));
    rmdir(path);
}
END_TEST

static unic_status write_one(const char *path)
{
    unic__file_writer *w;
    UNIC__TRY(unic__file_create(&w, path));
    return unic__file_commit(w);
}

START_TEST(out_of_memory)
{
    const char *path = io_path("file-memory");
    io_fail_each_allocation(write_one, path);
    ck_assert(!io_has_leftovers(path));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("file");
    tcase_add_test(tests, what_closed_streams_leave_is_not_taken);
    tcase_add_test(tests, a_child_leaves_the_file_of_its_parent);
    tcase_add_test(tests, reads_exactly);
    tcase_add_test(tests, opens_regular_files_only);
    tcase_add_test(tests, commit_replaces_and_keeps_the_mode);
    tcase_add_test(tests, abandon_leaves_the_old_file);
    tcase_add_test(tests, failed_write_leaves_the_old_file);
    tcase_add_test(tests, refuses_what_it_must_not_replace);
    tcase_add_test(tests, failed_rename_leaves_no_temporary);
    tcase_add_test(tests, out_of_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
