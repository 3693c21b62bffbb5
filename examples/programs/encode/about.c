#include "encode/about.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/claim.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/text.h"

enum { BLOCK = 1 << 16, MOST = 1 << 20 };

/* FNV-1a of a file's bytes. */
static bool hash_file(uint64_t *hash, const char *path)
{
    static unsigned char block[BLOCK];
    FILE *file = cli_fopen(path, "rb");
    size_t n = 0;
    if (!file)
        return cli_fail("%s: %s", path, strerror(errno));
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        for (size_t i = 0; i < n; i++)
            *hash = (*hash ^ block[i]) * 0x100000001B3U;
    bool ok = !ferror(file) || cli_fail("cannot read %s: %s", path, strerror(errno));
    fclose(file);
    return ok;
}

static bool print_hash(FILE *out, const char *key, const char *path)
{
    uint64_t hash = 0xCBF29CE484222325U;
    return hash_file(&hash, path) && fprintf(out, "%s = %016" PRIx64 "\n", key, hash) > 0;
}

/* To be freed; NULL after a message. */
static char *describe(const encode_job *job)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool ok = out && fprintf(out, "modality = %s\nfingerprint = %016" PRIx64 "\nvectors = %s\n",
                             job->modality, job->fingerprint, job->vectors ? "yes" : "no") > 0;
    ok = ok && print_hash(out, "model", job->model_path);
    for (size_t i = 0; ok && i < job->settings.count; i++)
        ok = fprintf(out, "set = %s\n", job->settings.items[i]) > 0;
    for (size_t i = 0; ok && i < job->media.extractors.count; i++)
        ok = print_hash(out, "extractor", job->media.extractors.items[i]);
    if (ok && job->media.description)
        ok = print_hash(out, "extract", job->media.description);
    if (cli_text_end(out, &text, "what encode.ini says") && ok)
        return text;
    free(text);
    return NULL;
}

static bool compare(const char *path, const char *text)
{
    char *there = cli_text_read(path, MOST, "text");
    if (!there)
        return false;
    bool same = !strcmp(there, text);
    const char *line = there, *own = text;
    while (!same && *line && *own && strcspn(line, "\n") == strcspn(own, "\n") &&
           !strncmp(line, own, strcspn(line, "\n"))) {
        line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n');
        own += strcspn(own, "\n") + (own[strcspn(own, "\n")] == '\n');
    }
    if (!same)
        cli_fail("%s: its outputs were made with \"%.*s\", and these would be with \"%.*s\": "
                 "name another --out-dir",
                 path, (int)strcspn(line, "\n"), line, (int)strcspn(own, "\n"), own);
    free(there);
    return same;
}

static bool write_text(const char *path, const char *text)
{
    cli_output out;
    if (!cli_output_open(&out, path))
        return false;
    fputs(text, out.stream);
    return cli_output_commit(&out);
}

/* Who first claims the file writes it, and others wait for that. */
static bool write_or_compare(const char *path, const char *text, double timeout)
{
    const struct timespec moment = {0, 100000000};
    cli_claim claim = {.path = NULL};
    bool ok = true, mine = false;
    while (ok && !mine && access(path, F_OK)) {
        cli_claim_result result = cli_claim_take(&claim, path, timeout);
        mine = result == CLI_CLAIM_TAKEN;
        ok = result != CLI_CLAIM_FAILED && !cli_signal();
        if (ok && !mine)
            nanosleep(&moment, NULL);
    }
    if (ok && mine && access(path, F_OK))
        ok = write_text(path, text);
    else if (ok)
        ok = compare(path, text);
    cli_claim_release(&claim);
    return ok;
}

/* "<out_folder>/encode.ini", to be freed; NULL after a message. */
static char *path_of(const encode_job *job)
{
    static const char name[] = "/encode.ini";
    const size_t size = strlen(job->out_folder) + sizeof name;
    char *path = cli_alloc(size, 1);
    if (path)
        snprintf(path, size, "%s%s", job->out_folder, name);
    return path;
}

bool encode_about_is_kept(const encode_job *job)
{
    char *path = path_of(job);
    const bool is = path && !access(path, F_OK);
    free(path);
    return is;
}

bool encode_about_keep(const encode_job *job)
{
    char *path = path_of(job), *text = path ? describe(job) : NULL;
    bool ok = text && write_or_compare(path, text, (double)job->claim_timeout);
    free(path);
    free(text);
    return ok;
}
