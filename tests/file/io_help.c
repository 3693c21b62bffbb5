#define _GNU_SOURCE /* program_invocation_short_name */
#include "io_help.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each program has a folder of its own, since several run at a time. */
const char *io_path(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    const char *build = getenv("BUILD");
    char folder[256], *path = paths[next++ % 4];
    snprintf(folder, sizeof folder, "%s/tests/file/%s.files", build ? build : "build",
             program_invocation_short_name);
    ck_assert(mkdir(folder, 0777) == 0 || errno == EEXIST);
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

unsigned char *io_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: cannot open", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size + 1);
    ck_assert(bytes != NULL && fread(bytes, 1, *size, file) == *size);
    fclose(file);
    return bytes;
}

void io_write(const char *path, const void *bytes, size_t size)
{
    remove(path); /* ext4 flushes a file that is truncated and written again: slow in loops */
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s: cannot create", path);
    ck_assert(fwrite(bytes, 1, size, file) == size);
    ck_assert(fclose(file) == 0);
}

bool io_has_leftovers(const char *path)
{
    char directory[512];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    ck_assert(slash != NULL);
    *slash = '\0';
    const char *name = slash + 1;
    size_t length = strlen(name);
    bool found = false;
    DIR *entries = opendir(directory);
    ck_assert(entries != NULL);
    for (struct dirent *e; (e = readdir(entries)) != NULL;)
        found |= strlen(e->d_name) > length && memcmp(e->d_name, name, length) == 0;
    closedir(entries);
    return found;
}

/* ---- the log ---- */

static char log_text[8192];
static pthread_t log_thread;

static void keep_line(unic_log_level level, const char *line, void *user)
{
    (void)level;
    (void)user;
    ck_assert_msg(pthread_equal(log_thread, pthread_self()), "logged on another thread");
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof log_text - used, "%s\n", line);
}

void io_log_begin(void)
{
    log_text[0] = '\0';
    log_thread = pthread_self();
    unic_set_log(keep_line, NULL);
}

const char *io_log_end(void)
{
    unic_set_log(NULL, NULL);
    return log_text;
}

/* ---- the failing allocator ---- */

static size_t countdown, live;
static bool has_failed;

static void *count_alloc(size_t bytes, void *user)
{
    (void)user;
    if (countdown > 0 && --countdown == 0) {
        has_failed = true;
        return NULL;
    }
    void *memory = malloc(bytes);
    live += memory != NULL;
    return memory;
}

static void count_release(void *memory, void *user)
{
    (void)user;
    live--;
    free(memory);
}

void io_fail_each_allocation(unic_status (*scenario)(const char *path), const char *path)
{
    const unic_allocator allocator = {sizeof allocator, count_alloc, count_release, NULL};
    size_t n = 0;
    do {
        countdown = ++n;
        has_failed = false;
        live = 0;
        ck_assert_int_eq(unic_set_allocator(&allocator), UNIC_OK);
        unic_status status = scenario(path);
        unic_set_allocator(NULL);
        ck_assert_msg(status == (has_failed ? UNIC_E_NOMEM : UNIC_OK),
                      "allocation %zu failed, status %s: %s", n, unic_status_name(status),
                      unic_last_error());
        ck_assert_msg(live == 0, "allocation %zu failed, %zu blocks leaked", n, live);
    } while (has_failed);
    ck_assert_msg(n > 2, "the scenario allocates nothing");
}

/* ---- memory ---- */

long io_resident_memory(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert(file != NULL && fscanf(file, "%*s %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}
