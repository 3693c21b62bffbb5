#include "cli/claim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/model.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

static const char SUFFIX[] = ".claim";
static const char PROBE[] = ".claim.now-"; /* a file by which the time is found out */

enum { HOST = 512, TEXT = 1024, BEFORE_START = 19 }; /* words of /proc/<process>/stat */

static const double RENEWALS = 10.0; /* in a timeout */
static const double UNSIGNED = 10.0; /* seconds that a claim may be without its holder's name */

/* ---- who holds it ---- */

/* A process: the machine since it was started, with what makes numbers of processes unique. */
typedef struct holder {
    char host[HOST];
    long process;
    unsigned long long started; /* ticks after the machine was */
} holder;

static void read_line(const char *path, char *out, size_t size)
{
    FILE *file = cli_fopen(path, "r");
    if (!file || !fgets(out, (int)size, file))
        snprintf(out, size, "-");
    if (file)
        fclose(file);
    out[strcspn(out, " \n")] = '\0';
}

/* When a process was started; 0 if it has ended, or cannot be looked at. */
static unsigned long long start_of(long process, bool *ended)
{
    char path[64], text[TEXT];
    unsigned long long started = 0;
    char state = '?';
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *file = cli_fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = '\0';
    char *rest = strrchr(text, ')'), *word, *at = NULL; /* a name may hold anything */
    word = rest ? strtok_r(rest + 1, " ", &at) : NULL;
    state = word ? *word : '?';
    for (int i = 0; word && i < BEFORE_START; i++)
        word = strtok_r(NULL, " ", &at);
    if (word)
        started = strtoull(word, NULL, 10);
    *ended = state == 'Z' || state == 'X' || (kill((pid_t)process, 0) && errno == ESRCH);
    return started;
}

static const holder *me(void)
{
    static holder self;
    bool ended;
    if (self.process == (long)getpid())
        return &self;
    char name[256] = "", boot[64], space[64] = "-";
    gethostname(name, sizeof name - 1);
    name[strcspn(name, " \n")] = '\0';
    read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    ssize_t size = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    space[size > 0 ? size : 1] = '\0';
    snprintf(self.host, sizeof self.host, "%s/%s/%s", *name ? name : "-", boot, space);
    self.process = (long)getpid();
    self.started = start_of(self.process, &ended);
    return &self;
}

/* The word behind `key` and a blank; NULL if there is none. */
static const char *word_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? at + strlen(key) : NULL;
}

static bool parse(holder *h, const char *text)
{
    const char *host = word_of(text, "host "), *process = word_of(text, " process "),
               *started = word_of(text, " started ");
    if (!host || !process || !started || !strchr(text, '\n'))
        return false;
    snprintf(h->host, sizeof h->host, "%.*s", (int)strcspn(host, " "), host);
    h->process = strtol(process, NULL, 10);
    h->started = strtoull(started, NULL, 10);
    return h->process > 0;
}

/* Whether the holder is known to have ended: it was a process of this machine. */
static bool has_ended(const holder *h)
{
    bool ended;
    if (strcmp(h->host, me()->host) != 0)
        return false;
    unsigned long long started = start_of(h->process, &ended);
    return ended || (started && started != h->started);
}

/* ---- a claim that is there ---- */

typedef struct other {
    holder by;
    bool is_signed;
    struct stat about;
} other;

/* False, with errno, if there is none any more, or it cannot be read. */
static bool look(other *o, const char *path)
{
    char text[TEXT];
    int file = cli_open(path, O_RDONLY);
    if (file < 0)
        return false;
    ssize_t size = read(file, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    bool there = !fstat(file, &o->about);
    close(file);
    o->is_signed = parse(&o->by, text);
    return there;
}

/* Seconds by the file system's clock since the claim was renewed: that of a file made now,
 * whose own clock may be another than ours. */
static double age_of(const other *o, const char *path)
{
    const size_t size = strlen(path) + 64, stem = strlen(path) - (sizeof SUFFIX - 1);
    char *probe = malloc(size);
    struct stat now;
    double age = 0.0;
    if (!probe)
        return age;
    snprintf(probe, size, "%.*s%s%ld-XXXXXX", (int)stem, path, PROBE, (long)getpid());
    int file = mkstemp(probe);
    if (file >= 0) {
        if (!fstat(file, &now))
            age = (double)(now.st_mtim.tv_sec - o->about.st_mtim.tv_sec) +
                  1e-9 * (double)(now.st_mtim.tv_nsec - o->about.st_mtim.tv_nsec);
        close(file);
        unlink(probe);
    }
    free(probe);
    return age;
}

static bool is_abandoned(const other *o, const char *path, double timeout)
{
    if (o->is_signed && has_ended(&o->by))
        return true;
    double patience = !o->is_signed && UNSIGNED < timeout ? UNSIGNED : timeout;
    return age_of(o, path) > patience;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_unchanged(const other *a, const other *b)
{
    return same_file(&a->about, &b->about) &&
           a->about.st_mtim.tv_sec == b->about.st_mtim.tv_sec &&
           a->about.st_mtim.tv_nsec == b->about.st_mtim.tv_nsec;
}

/* Removes the claim if its holder is gone; whether it can be tried again to make one. */
static bool remove_abandoned(const char *path, const char *of, double timeout)
{
    other o, again;
    if (!look(&o, path))
        return errno == ENOENT;
    if (!is_abandoned(&o, path, timeout))
        return false;
    if (o.is_signed)
        cli_output_clear_of(of, o.by.process);
    if (look(&again, path) && is_unchanged(&again, &o))
        return !unlink(path) || errno == ENOENT;
    return true;
}

/* ---- ours ---- */

static bool sign(cli_claim *claim)
{
    char text[TEXT], when[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    int size = snprintf(text, sizeof text, "host %s process %ld started %llu at %s\n",
                        me()->host, me()->process, me()->started, when);
    if (write(claim->file, text, (size_t)size) == size && cli_synchronise(claim->file))
        return true;
    cli_fail("cannot write %s: %s", claim->path, strerror(errno));
    cli_claim_release(claim);
    return false;
}

cli_claim_result cli_claim_take(cli_claim *claim, const char *path, double timeout)
{
    const size_t size = strlen(path);
    *claim = (cli_claim){cli_alloc(size + sizeof SUFFIX, 1), -1, cli_now(), timeout};
    if (!claim->path)
        return CLI_CLAIM_FAILED;
    memcpy(claim->path, path, size);
    memcpy(claim->path + size, SUFFIX, sizeof SUFFIX);
    bool gone = true;
    while (gone && claim->file < 0) {
        claim->file = cli_open(claim->path, O_RDWR | O_CREAT | O_EXCL);
        if (claim->file < 0 && errno != EEXIST) {
            cli_fail("cannot write %s: %s", claim->path, strerror(errno));
            cli_claim_release(claim);
            return CLI_CLAIM_FAILED;
        }
        if (claim->file < 0)
            gone = remove_abandoned(claim->path, path, timeout);
    }
    if (claim->file >= 0)
        return sign(claim) ? CLI_CLAIM_TAKEN : CLI_CLAIM_FAILED;
    cli_claim_release(claim);
    return CLI_CLAIM_HELD;
}

void cli_claim_renew(cli_claim *claim)
{
    double now = cli_now();
    if (!claim->path || now - claim->renewed < claim->timeout / RENEWALS)
        return;
    claim->renewed = now;
    futimens(claim->file, NULL); /* if it cannot be, others take over, which does no harm */
}

/* A claim that was taken over belongs to another. It is closed first: an open file that is
 * removed stays under another name in NFS. */
void cli_claim_release(cli_claim *claim)
{
    struct stat ours, named;
    if (claim->path && claim->file >= 0) {
        bool known = !fstat(claim->file, &ours);
        close(claim->file);
        if (known && !stat(claim->path, &named) && same_file(&ours, &named))
            unlink(claim->path);
    }
    free(claim->path);
    *claim = (cli_claim){.path = NULL, .file = -1};
}

/* The claim `name`, if its file is there. */
static void sweep_one(const char *directory, const char *name, double timeout)
{
    const size_t size = strlen(directory) + strlen(name) + 2;
    struct stat about;
    char *path = malloc(size), *of = path ? malloc(size) : NULL;
    if (of) {
        snprintf(path, size, "%s/%s", directory, name);
        memcpy(of, path, size);
        of[size - sizeof SUFFIX] = '\0';
        if (!stat(of, &about))
            remove_abandoned(path, of, timeout);
    }
    free(path);
    free(of);
}

void cli_claim_sweep(const char *directory, double timeout)
{
    DIR *names = cli_opendir(directory);
    for (const struct dirent *entry; names && (entry = readdir(names));) {
        if (strstr(entry->d_name, PROBE)) /* who made it has it open, and needs no more */
            unlinkat(dirfd(names), entry->d_name, 0);
        else if (cli_ends_with(entry->d_name, SUFFIX))
            sweep_one(directory, entry->d_name, timeout);
    }
    if (names)
        closedir(names);
}
