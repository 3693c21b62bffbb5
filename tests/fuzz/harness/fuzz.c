#define _GNU_SOURCE /* memfd_create() */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parcel.h"

enum {
    FILES = 16,          /* of one run */
    SLACK = 1 << 16,     /* what a call may take beside the file's contents */
    BLOCK_OVERHEAD = 128 /* of a block: its header and its alignment */
};

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: failed: %s\nlast error: %s\n", file, line, what, unic_last_error());
    abort();
}

bool fuzz_ok(unic_status status)
{
    FUZZ_CHECK(status >= UNIC_OK && status <= UNIC_E_CANCELLED);
    if (status == UNIC_OK)
        return true;
    const char *message = unic_last_error();
    FUZZ_CHECK(*message);
    for (; *message; message++)
        FUZZ_CHECK((unsigned char)*message >= ' ' && *message != 0x7F);
    return false;
}

bool fuzz_made_at(unic_status status, const void *address_of_out)
{
    const void *out;
    bool ok = fuzz_ok(status);
    memcpy(&out, address_of_out, sizeof out);
    FUZZ_CHECK(ok == (out != NULL));
    return ok;
}

void fuzz_check_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(isfinite(x[i]));
}

/* ---- memory ---- */

const unic_open_options fuzz_open = {.struct_size = sizeof(unic_open_options),
                                     .memory_limit = FUZZ_LIMIT};

/* What the library holds; a dataset allocates in two threads. */
static size_t live, blocks, peak, peak_blocks;
static unsigned fail_in;

static void raise_peak(size_t now, size_t count)
{
    for (size_t old = __atomic_load_n(&peak, __ATOMIC_RELAXED);
         now > old && !__atomic_compare_exchange_n(&peak, &old, now, true, __ATOMIC_RELAXED,
                                                   __ATOMIC_RELAXED);)
        ;
    for (size_t old = __atomic_load_n(&peak_blocks, __ATOMIC_RELAXED);
         count > old && !__atomic_compare_exchange_n(&peak_blocks, &old, count, true,
                                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED);)
        ;
}

static void *counted_alloc(size_t bytes, void *user)
{
    (void)user;
    if (__atomic_load_n(&fail_in, __ATOMIC_RELAXED) &&
        __atomic_sub_fetch(&fail_in, 1, __ATOMIC_RELAXED) == 0)
        return NULL;
    void *memory = bytes <= (size_t)1 << 30 ? malloc(bytes) : NULL;
    if (memory) {
        size_t size = malloc_usable_size(memory);
        size_t now = __atomic_add_fetch(&live, size, __ATOMIC_RELAXED);
        raise_peak(now, __atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED));
    }
    return memory;
}

static void counted_release(void *memory, void *user)
{
    (void)user;
    __atomic_sub_fetch(&live, malloc_usable_size(memory), __ATOMIC_RELAXED);
    __atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
    free(memory);
}

void fuzz_fail_allocation(unsigned n)
{
    __atomic_store_n(&fail_in, n, __ATOMIC_RELAXED);
}

static size_t live_before, blocks_before;

void fuzz_limit_begin(void)
{
    live_before = peak = live;
    blocks_before = peak_blocks = blocks;
}

void fuzz_limit_end(void)
{
    size_t overhead = SLACK + BLOCK_OVERHEAD * (peak_blocks - blocks_before);
    if (peak - live_before > FUZZ_LIMIT + overhead) {
        fprintf(stderr, "%zu bytes were allocated at a time, the limit is %d\n",
                peak - live_before, FUZZ_LIMIT);
        FUZZ_CHECK(!"the limit holds");
    }
}

/* ---- files ---- */

static char folder[PATH_MAX];
static int files[FILES];
static size_t file_count;

static void make_folder(void)
{
    static const char *const places[] = {"/dev/shm", "/tmp", "."};
    for (size_t i = 0; i < sizeof places / sizeof places[0] && !*folder; i++) {
        snprintf(folder, sizeof folder, "%s/unic-fuzz-%ld", places[i], (long)getpid());
        if (mkdir(folder, 0700) && errno != EEXIST)
            *folder = '\0';
    }
    FUZZ_CHECK(*folder);
}

/* Removes what is in a folder. A temporary file that the library left is a fault. */
static void empty(const char *path)
{
    DIR *d = opendir(path);
    for (const struct dirent *e; d && (e = readdir(d));) {
        char below[PATH_MAX + 256];
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        FUZZ_CHECK(!strstr(e->d_name, ".tmp-"));
        if (unlink(below)) {
            empty(below);
            rmdir(below);
        }
    }
    if (d)
        closedir(d);
}

static void remove_folder(void)
{
    if (*folder) {
        empty(folder);
        rmdir(folder);
    }
}

const char *fuzz_folder(void)
{
    if (!*folder) {
        make_folder();
        atexit(remove_folder);
    }
    return folder;
}

const char *fuzz_path(const char *name)
{
    static char paths[8][PATH_MAX + 256];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", fuzz_folder(), name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    return path;
}

static bool write_all(int file, const void *bytes, size_t size)
{
    return ftruncate(file, 0) == 0 && pwrite(file, bytes, size, 0) == (ssize_t)size;
}

const char *fuzz_file(const void *bytes, size_t size)
{
    static char paths[FILES][32];
    FUZZ_CHECK(file_count < FILES);
    int file = memfd_create("input", MFD_CLOEXEC);
    FUZZ_CHECK(file >= 0 && write_all(file, bytes, size));
    char *path = paths[file_count];
    files[file_count++] = file;
    snprintf(path, sizeof paths[0], "/proc/self/fd/%d", file);
    return path;
}

void fuzz_write(const char *name, const void *bytes, size_t size)
{
    int file = open(fuzz_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) { /* a name of an input may be one that no file can have */
        FUZZ_CHECK(write_all(file, bytes, size));
        close(file);
    }
}

unsigned char *fuzz_read(const char *path, size_t *size)
{
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    FUZZ_CHECK(fstat(file, &about) == 0);
    *size = (size_t)about.st_size;
    unsigned char *bytes = malloc(*size + 1);
    FUZZ_CHECK(bytes && read(file, bytes, *size) == (ssize_t)*size);
    close(file);
    return bytes;
}

void fuzz_seed_file(fuzz_seed_fn *add, const char *path)
{
    size_t size;
    unsigned char *bytes = fuzz_read(path, &size);
    FUZZ_CHECK(bytes);
    add(bytes, size);
    free(bytes);
}

void fuzz_seed_parcel(fuzz_seed_fn *add, const char *path)
{
    size_t size;
    unsigned char *bytes = fuzz_parcel_pack(path, &size);
    FUZZ_CHECK(bytes);
    add(bytes, size);
    free(bytes);
}

void fuzz_seed_edited(fuzz_seed_fn *add, const char *path, const char *old, const char *fresh)
{
    static fuzz_member members[PARCEL_MEMBERS];
    fuzz_bytes edited = {0}, text = {0};
    size_t size, length = strlen(old);
    unsigned char *parcel = fuzz_parcel_pack(path, &size);
    FUZZ_CHECK(parcel);
    size_t n = fuzz_parcel_members(members, parcel, size);
    for (size_t i = 0; i < n; i++) {
        fuzz_member m = members[i];
        const unsigned char *at = m.data, *end = m.data + m.size;
        while (at + length <= end && memcmp(at, old, length))
            at++;
        if (!(m.flags & PARCEL_ARRAY) && at + length <= end && !text.at) {
            fuzz_bytes_add(&text, m.data, (size_t)(at - m.data));
            fuzz_bytes_add(&text, fresh, strlen(fresh));
            fuzz_bytes_add(&text, at + length, (size_t)(end - at) - length);
            m.data = text.at;
            m.size = text.size;
        }
        fuzz_parcel_add(&edited, &m);
    }
    FUZZ_CHECK(text.at);
    add(edited.at, edited.size);
    free(text.at);
    free(edited.at);
    free(parcel);
}

/* ---- a run ---- */

/* The lowest number that is free: it grows where a descriptor is not closed. */
static int next_descriptor(void)
{
    int file = dup(0);
    if (file < 0)
        file = open("/dev/null", O_RDONLY);
    close(file);
    return file;
}

void fuzz_run(const fuzz_target *target, const unsigned char *data, size_t size)
{
    static bool begun;
    if (!begun) {
        unic_allocator hook = {sizeof hook, counted_alloc, counted_release, NULL};
        FUZZ_CHECK(unic_set_allocator(&hook) == UNIC_OK);
        begun = true;
    }
    size_t before = live;
    int descriptor = next_descriptor();
    target->run(data, size);
    fuzz_fail_allocation(0);
    while (file_count > 0)
        close(files[--file_count]);
    if (*folder)
        empty(folder);
    if (live != before) {
        fprintf(stderr, "%zu bytes were allocated and not freed\n", live - before);
        FUZZ_CHECK(!"all memory is freed");
    }
    FUZZ_CHECK(next_descriptor() == descriptor);
}

/* ---- decisions ---- */

unsigned fuzz_byte(fuzz_in *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

uint64_t fuzz_number(fuzz_in *in, size_t bytes)
{
    uint64_t x = 0;
    for (size_t i = 0; i < bytes; i++)
        x |= (uint64_t)fuzz_byte(in) << 8 * i;
    return x;
}

size_t fuzz_below(fuzz_in *in, size_t n)
{
    return fuzz_byte(in) % n;
}

bool fuzz_rarely(fuzz_in *in)
{
    return fuzz_byte(in) % 16 == 15;
}

float fuzz_float(fuzz_in *in)
{
    static const float odd[] = {NAN,    INFINITY, -INFINITY, 3e38F, -3e38F, 1e30F,
                                1e-40F, 1e19F,    -1e19F,    -0.0F, 0.0F,   1e-30F};
    unsigned byte = fuzz_byte(in);
    if (byte >= 0xF0 && byte < 0xF0 + sizeof odd / sizeof odd[0])
        return odd[byte - 0xF0];
    return (float)(byte % 64) / 16.0F - 2.0F + (float)(byte >= 128) * 0.01F;
}

int64_t fuzz_size(fuzz_in *in, size_t most)
{
    static const int64_t odd[] = {0,         -1,        INT64_MAX,          INT64_MIN,
                                  INT32_MAX, INT32_MIN, (int64_t)1 << 31,   (int64_t)1 << 32,
                                  65536,     1 << 20,   ((int64_t)1 << 62), 257};
    unsigned byte = fuzz_byte(in);
    if (byte >= 0xF0 && byte < 0xF0 + sizeof odd / sizeof odd[0])
        return odd[byte - 0xF0];
    return 1 + (int64_t)(byte % most);
}

const char *fuzz_text(fuzz_in *in, char *out, size_t room)
{
    size_t size = fuzz_byte(in), n = 0;
    while (n < size && n + 1 < room && in->at < in->end)
        out[n++] = (char)fuzz_byte(in);
    out[n] = '\0';
    return out;
}

const unsigned char *fuzz_part(fuzz_in *in, size_t *size)
{
    const unsigned char *start = in->at, *end = memchr(start, 0, (size_t)(in->end - start));
    *size = (size_t)((end ? end : in->end) - start);
    in->at = end ? end + 1 : in->end;
    return start;
}
