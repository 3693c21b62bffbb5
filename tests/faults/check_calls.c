/*
 * Each call of the system that an exported function makes fails in turn, with each of a few
 * errors: the function says UNIC_E_IO with a sentence that names the file and the reason, no
 * memory and no descriptor stays, no temporary file is left, the old file is as it was, and the
 * same call then succeeds. Interrupted calls are made again; short reads and writes go on.
 */
#define _GNU_SOURCE /* RTLD_NEXT, stat64 */

#include <check.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "file/io_help.h"

/* ---- the system's calls, which the program finds here before it finds libc's ---- */

typedef enum kind {
    OPEN,
    STAT,  /* of an open file   */
    LSTAT, /* of a name         */
    STAT_NAME,
    READ,
    WRITE,
    FSYNC,
    CLOSE_READ,
    CLOSE_WRITTEN,
    RENAME,
    LIST,        /* opendir */
    NEXT,        /* readdir */
    THREAD,      /* pthread_create */
    OPEN_FOLDER, /* to synchronise it */
    FSYNC_FOLDER,
    KINDS
} kind;

static const char *const kind_names[KINDS] = {"open",
                                              "fstat",
                                              "lstat",
                                              "stat",
                                              "pread",
                                              "pwrite",
                                              "fsync",
                                              "close",
                                              "close",
                                              "rename",
                                              "opendir",
                                              "readdir",
                                              "pthread_create",
                                              "open (directory)",
                                              "fsync (directory)"};

static struct {
    bool on;
    int kind, error;
    size_t fails_at; /* from 1 */
    size_t seen[KINDS];
    bool failed, is_short;
    char name[1024]; /* of the file on which it failed, without its directory */
} fault;

static void keep_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(fault.name, sizeof fault.name, "%s", slash ? slash + 1 : path);
    char *temporary = strstr(fault.name, ".tmp-");
    if (temporary)
        *temporary = '\0';
}

static bool fails(kind k, int file, const char *path)
{
    if (!fault.on ||
        __atomic_add_fetch(&fault.seen[k], 1, __ATOMIC_RELAXED) != fault.fails_at ||
        fault.kind != (int)k)
        return false;
    char link[64], target[1024] = "";
    if (!path) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        path = readlink(link, target, sizeof target - 1) >= 0 ? target : "";
    }
    keep_name(path);
    fault.failed = true;
    errno = fault.error;
    return true;
}

/* libc's function that the one here stands before. */
#define LIBC(function) ((__typeof__(function) *)dlsym(RTLD_NEXT, #function))

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (fails(flags & O_DIRECTORY ? OPEN_FOLDER : OPEN, -1, path))
        return -1;
    return LIBC(open64)(path, flags, mode);
}

int fstat64(int file, struct stat64 *s)
{
    return fails(STAT, file, NULL) ? -1 : LIBC(fstat64)(file, s);
}

int lstat64(const char *path, struct stat64 *s)
{
    return fails(LSTAT, -1, path) ? -1 : LIBC(lstat64)(path, s);
}

int stat(const char *path, struct stat *s)
{
    return fails(STAT_NAME, -1, path) ? -1 : LIBC(stat)(path, s);
}

ssize_t pread64(int file, void *out, size_t bytes, off64_t offset)
{
    if (fails(READ, file, NULL))
        return -1;
    return LIBC(pread64)(file, out, fault.is_short && bytes > 1 ? bytes / 2 : bytes, offset);
}

ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t offset)
{
    if (fails(WRITE, file, NULL))
        return -1;
    return LIBC(pwrite64)(file, data, fault.is_short && bytes > 1 ? bytes / 2 : bytes, offset);
}

static bool is_folder(int file)
{
    struct stat64 s;
    return LIBC(fstat64)(file, &s) == 0 && S_ISDIR(s.st_mode);
}

int fsync(int file)
{
    return fails(is_folder(file) ? FSYNC_FOLDER : FSYNC, file, NULL) ? -1 : LIBC(fsync)(file);
}

/* A close that fails closes all the same. */
int close(int file)
{
    int flags = fcntl(file, F_GETFL);
    bool written = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
    bool failed = fails(written ? CLOSE_WRITTEN : CLOSE_READ, file, NULL);
    int result = LIBC(close)(file);
    if (failed)
        errno = fault.error;
    return failed ? -1 : result;
}

int rename(const char *from, const char *to)
{
    return fails(RENAME, -1, to) ? -1 : LIBC(rename)(from, to);
}

DIR *opendir(const char *path)
{
    return fails(LIST, -1, path) ? NULL : LIBC(opendir)(path);
}

struct dirent *readdir(DIR *folder)
{
    return fails(NEXT, dirfd(folder), NULL) ? NULL : LIBC(readdir)(folder);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *user)
{
    return fails(THREAD, -1, "") ? fault.error
                                 : LIBC(pthread_create)(thread, attributes, run, user);
}

/* ---- which errors, and what becomes of them ---- */

typedef enum outcome {
    SAYS_IO,     /* UNIC_E_IO: the file and the reason                       */
    SAYS_MEMORY, /* UNIC_E_NOMEM                                             */
    IS_NOTHING,  /* no more was wanted of the call: the same result          */
    GOES_ON      /* made again, or done without: the same result             */
} outcome;

typedef struct rule {
    kind kind;
    int error;
    outcome outcome;
} rule;

static const rule rules[] = {
    {OPEN, EIO, SAYS_IO},
    {OPEN, EMFILE, SAYS_IO},
    {OPEN, EACCES, SAYS_IO},
    {OPEN, ENOSPC, SAYS_IO},
    {OPEN, EINTR, GOES_ON},
    {STAT, EIO, SAYS_IO},
    {STAT_NAME, EIO, SAYS_IO},
    {STAT_NAME, EACCES, SAYS_IO},
    {LSTAT, EIO, SAYS_IO},
    {READ, EIO, SAYS_IO},
    {READ, EINTR, GOES_ON},
    {WRITE, EIO, SAYS_IO},
    {WRITE, ENOSPC, SAYS_IO},
    {WRITE, EDQUOT, SAYS_IO},
    {WRITE, EINTR, GOES_ON},
    {FSYNC, EIO, SAYS_IO},
    {FSYNC, ENOSPC, SAYS_IO},
    {FSYNC, EINTR, GOES_ON},
    {CLOSE_WRITTEN, EIO, SAYS_IO},
    {CLOSE_WRITTEN, ENOSPC, SAYS_IO},
    {CLOSE_WRITTEN, EINTR, GOES_ON}, /* what was synchronised before is there */
    {CLOSE_READ, EIO, IS_NOTHING},
    {RENAME, EIO, SAYS_IO},
    {RENAME, ENOSPC, SAYS_IO},
    {LIST, EIO, SAYS_IO},
    {LIST, EMFILE, SAYS_IO},
    {NEXT, EIO, SAYS_IO},
    {THREAD, EAGAIN, SAYS_MEMORY},
    {OPEN_FOLDER, EMFILE, GOES_ON},
    {OPEN_FOLDER, EINTR, GOES_ON},
    {FSYNC_FOLDER, EIO, GOES_ON},
    {FSYNC_FOLDER, EINTR, GOES_ON},
};
enum { RULES = sizeof rules / sizeof rules[0] };

static size_t open_files(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    ck_assert(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static unic_status call_with(const fault_case *c, world *w, const rule *r, size_t n)
{
    memset(&fault, 0, sizeof fault);
    fault.kind = r ? (int)r->kind : KINDS;
    fault.error = r ? r->error : 0;
    fault.fails_at = n;
    fault.on = true;
    unic_status status = c->call(w);
    fault.on = false;
    return status;
}

static void assert_says(const fault_case *c, const rule *r, const char *what,
                        unic_status status)
{
    const char *said = unic_last_error();
    unic_status expected = r->outcome == SAYS_MEMORY ? UNIC_E_NOMEM : UNIC_E_IO;
    (void)c;
    ck_assert_msg(status == expected, "%s: %s: %s", what, unic_status_name(status), said);
    ck_assert_msg(strstr(said, fault.name) != NULL, "%s: \"%s\" does not name %s", what, said,
                  fault.name);
    if (r->outcome == SAYS_IO)
        ck_assert_msg(strstr(said, strerror(r->error)) != NULL, "%s: \"%s\" does not say %s",
                      what, said, strerror(r->error));
}

/* Of two files that are written one after the other the first may be new already, and whole. */
static void assert_outputs(const rule *r, const char *what, size_t n)
{
    if (r->kind == RENAME && n > 1) {
        unic_trainer *t;
        io_assert_ok(unic_trainer_resume(&t, files.out, NULL, NULL));
        unic_trainer_free(t);
        io_write(files.out_run, "old", 3);
    }
    outputs_assert_old(what);
}

/* What is written is never lost unheard. A file that is read may be opened twice, first to see what
 * it is: if only that fails, the right result is one too. */
static bool is_of_output(kind k)
{
    return k == WRITE || k == FSYNC || k == CLOSE_WRITTEN || k == RENAME;
}

/* Whether the n-th call of this kind was there to fail. */
static bool fail_call(const fault_case *c, const rule *r, size_t n, uint64_t digest)
{
    char what[256];
    snprintf(what, sizeof what, "%s, %s no. %zu: %s", c->function, kind_names[r->kind], n,
             strerror(r->error));
    if (c->is & WRITES)
        outputs_reset();
    long start = fault_live_blocks();
    world w = world_open(c->needs);
    size_t files_before = open_files();
    long blocks_before = fault_live_blocks();
    unic_status status = call_with(c, &w, r, n);
    bool failed = fault.failed;
    bool unheard = status == UNIC_OK && ((c->is & READS_AHEAD) || !is_of_output(r->kind));
    if (failed && !unheard && (r->outcome == SAYS_IO || r->outcome == SAYS_MEMORY)) {
        assert_says(c, r, what, status);
        ck_assert_msg((c->is & KEEPS) || fault_live_blocks() <= blocks_before,
                      "%s: %ld blocks are left", what, fault_live_blocks() - blocks_before);
        ck_assert_msg(open_files() <= files_before, "%s: a file stays open", what);
        if (c->is & WRITES)
            assert_outputs(r, what, n);
        w.digest = UNIC__FNV_START;
        status = call_with(c, &w, NULL, 0);
    }
    ck_assert_msg(status == UNIC_OK, "%s: %s: %s", what, unic_status_name(status),
                  unic_last_error());
    ck_assert_msg(w.digest == digest, "%s: gives something else", what);
    world_close(&w);
    ck_assert_msg(fault_live_blocks() == start, "%s: %ld blocks are left at the end", what,
                  fault_live_blocks() - start);
    return failed;
}

/* ---- tests ---- */

enum { MAX_CASES = 256, FIRST = 6 /* tried of the calls of a kind, unless all are */ };
static const fault_case *cases[MAX_CASES];
static int case_count;
static size_t tried, touching;

static uint64_t digest_of(const fault_case *c, size_t seen[KINDS])
{
    outputs_reset();
    world w = world_open(c->needs);
    unic_status status = call_with(c, &w, NULL, 0);
    ck_assert_msg(status == UNIC_OK, "%s: %s", c->function, unic_last_error());
    uint64_t digest = w.digest;
    memcpy(seen, fault.seen, KINDS * sizeof *seen);
    world_close(&w);
    return digest;
}

START_TEST(each_call_of_the_system_fails_in_turn)
{
    const fault_case *c = cases[_i];
    const char *all = getenv("FAULTS");
    size_t seen[KINDS], before = tried;
    uint64_t digest = digest_of(c, seen);
    for (size_t r = 0; r < RULES; r++)
        for (size_t n = 1; n <= seen[rules[r].kind]; n++) {
            bool is_tried = all && strcmp(all, "all") == 0;
            if (is_tried || n <= FIRST || n == seen[rules[r].kind])
                tried += fail_call(c, &rules[r], n, digest);
        }
    touching += tried > before;
}
END_TEST

START_TEST(short_reads_and_writes_go_on)
{
    const fault_case *c = cases[_i];
    size_t seen[KINDS];
    uint64_t digest = digest_of(c, seen);
    if (!seen[READ] && !seen[WRITE])
        return;
    outputs_reset();
    world w = world_open(c->needs);
    memset(&fault, 0, sizeof fault);
    fault.is_short = true;
    unic_status status = c->call(&w);
    fault.is_short = false;
    ck_assert_msg(status == UNIC_OK, "%s: %s", c->function, unic_last_error());
    ck_assert_msg(w.digest == digest, "%s: gives something else", c->function);
    world_close(&w);
}
END_TEST

static void begin(void)
{
    world_files_make();
    fault_allocator_begin();
}

static void end(void)
{
    fault_allocator_end();
    world_files_remove();
}

int main(void)
{
    for (size_t t = 0; fault_tables[t]; t++)
        for (const fault_case *c = fault_tables[t]; c->function; c++)
            if (!(c->is & NOTHING)) /* then it opens nothing either */
                cases[case_count++] = c;
    TCase *t = tcase_create("calls");
    tcase_add_unchecked_fixture(t, begin, end);
    tcase_add_loop_test(t, each_call_of_the_system_fails_in_turn, 0, case_count);
    tcase_add_loop_test(t, short_reads_and_writes_go_on, 0, case_count);
    unic_set_threads(1);
    int failed = small_run("failing calls of the system", t);
    printf("%zu functions that call the system, %zu failing calls\n", touching, tried);
    return failed;
}
