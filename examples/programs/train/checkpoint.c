#include "train/checkpoint.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/limit.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

static const char MODEL[] = ".npz", RUN[] = ".run.npz", STEP[] = ".step-", LOCK[] = ".lock";

/* ---- names ---- */

/* printf() into memory of its own; NULL after a message. */
__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : cli_alloc((size_t)n + 1, 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

/* Of the folder that `path` is in, with its slash; to be freed. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? text_of("%.*s/", (int)(slash - path), path) : text_of("./");
}

static bool split_path(train_checkpoint *c, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name), end = strlen(MODEL);
    if (length > end && !strcmp(name + length - end, MODEL))
        length -= end;
    const int before = (int)(name - path);
    c->folder = folder_of(path);
    c->stem = text_of("%.*s", (int)length, name);
    c->run_path = c->stem ? text_of("%.*s%s%s", before, path, c->stem, RUN) : NULL;
    /* "model" and "model.npz" have one run. */
    c->lock_path = c->stem ? text_of("%.*s%s%s%s", before, path, c->stem, MODEL, LOCK) : NULL;
    return c->folder && c->stem && c->run_path && c->lock_path;
}

static char *kept_path(const train_checkpoint *c, uint64_t step, const char *suffix)
{
    return text_of("%s%s%s%llu%s", c->folder, c->stem, STEP, (unsigned long long)step, suffix);
}

/* "<stem>.step-<digits><suffix>" */
static bool is_kept(const train_checkpoint *c, const char *name, const char *suffix,
                    uint64_t *step)
{
    size_t stem = strlen(c->stem), mark = strlen(STEP);
    char *end;
    if (strncmp(name, c->stem, stem) || strncmp(name + stem, STEP, mark))
        return false;
    name += stem + mark;
    errno = 0;
    *step = strtoull(name, &end, 10);
    return isdigit((unsigned char)*name) && !errno && !strcmp(end, suffix);
}

static bool is_same_file(const char *one, const char *other)
{
    struct stat a, b;
    return !stat(one, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool train_checkpoint_has(const train_checkpoint *c, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    uint64_t step;
    const bool is_model = is_kept(c, name, MODEL, &step);
    if (!is_model && !is_kept(c, name, RUN, &step))
        return false;
    char *folder = folder_of(path), *kept = kept_path(c, step, is_model ? MODEL : RUN);
    const bool has = folder && kept &&
                     (is_same_file(folder, c->folder) || is_same_file(path, kept));
    free(folder);
    free(kept);
    return has;
}

/* ---- the folder ---- */

/* Calls `visit` for every name in the folder; none where it may be written but not read. */
static bool each_name(train_checkpoint *c, void *user,
                      bool (*visit)(train_checkpoint *c, const char *name, void *user))
{
    DIR *folder = cli_opendir(c->folder);
    if (!folder)
        return errno == EACCES || cli_fail("cannot list %s: %s", c->folder, strerror(errno));
    bool ok = true;
    for (const struct dirent *entry; ok && (entry = readdir(folder));)
        ok = visit(c, entry->d_name, user);
    closedir(folder);
    return ok;
}

typedef struct steps {
    uint64_t *at;
    size_t count, room;
} steps;

static bool add_step(train_checkpoint *c, const char *name, void *user)
{
    steps *s = user;
    uint64_t step;
    if (!is_kept(c, name, RUN, &step) && !is_kept(c, name, MODEL, &step))
        return true;
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 16;
        uint64_t *at = realloc(s->at, room * sizeof *at);
        if (!at)
            return cli_fail("out of memory for %zu checkpoints", room);
        s->at = at;
        s->room = room;
    }
    s->at[s->count++] = step;
    return true;
}

static int latest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The steps of which anything is kept, each once, the latest first; to be freed. */
static bool list_kept(train_checkpoint *c, steps *s)
{
    *s = (steps){.at = NULL};
    if (!each_name(c, s, add_step))
        return false;
    if (s->count)
        qsort(s->at, s->count, sizeof *s->at, latest_first);
    size_t different = 0;
    for (size_t i = 0; i < s->count; i++)
        if (i == 0 || s->at[i] != s->at[i - 1])
            s->at[different++] = s->at[i];
    s->count = different;
    return true;
}

/* ---- opening ---- */

bool train_checkpoint_name(train_checkpoint *c, const char *model_path)
{
    c->model_path = model_path;
    if (!split_path(c, model_path))
        return false;
    size_t length = strlen(c->stem), end = strlen(RUN) - strlen(MODEL);
    return length <= end || strncmp(c->stem + length - end, RUN, end) ||
           cli_fail("cannot write %s: \"%s\" ends the name of a run's file; name its model",
                    model_path, RUN);
}

bool train_checkpoint_open(train_checkpoint *c, const char *log)
{
    return train_lock_take(&c->lock, c->model_path, c->lock_path) &&
           cli_output_clear(c->model_path) && cli_output_clear(c->run_path) &&
           (!log || cli_output_clear(log));
}

void train_checkpoint_close(train_checkpoint *c)
{
    train_lock_release(&c->lock);
    free(c->run_path);
    free(c->lock_path);
    free(c->folder);
    free(c->stem);
}

/* ---- resuming ---- */

static bool is_lost(unic_status status)
{
    return status == UNIC_E_FORMAT || status == UNIC_E_NOTFOUND;
}

/* The trainer of the latest kept checkpoint that can be read. */
static unic_status resume_kept(train_checkpoint *c, const steps *kept, unic_trainer **trainer,
                               const unic_trainer_options *options)
{
    unic_status status = UNIC_E_NOTFOUND;
    for (size_t i = 0; i < kept->count && is_lost(status); i++) {
        char *path = kept_path(c, kept->at[i], MODEL);
        if (!path)
            return UNIC_E_NOMEM;
        status = unic_trainer_resume(trainer, path, options, cli_open_options());
        if (status == UNIC_OK)
            cli_note("going on from %s, step %llu", path,
                     (unsigned long long)unic_trainer_step_count(*trainer));
        else
            cli_note("warning: %s", unic_last_error());
        free(path);
    }
    return status;
}

/* There is no older checkpoint. A run that was ended before its first save has nothing yet. */
static bool fail_to_resume(const train_checkpoint *c, unic_status status)
{
    if (status != UNIC_E_NOTFOUND)
        return cli_fail("cannot resume: %s", unic_last_error());
    return cli_fail(
        "cannot resume: nothing is saved of a run %s: there is no %s. A run that was "
        "ended before its first save begins again, without --resume",
        c->model_path, c->run_path);
}

/* After `status`, which the newest checkpoint was lost with. */
static bool resume_older(train_checkpoint *c, unic_trainer **trainer, unic_status status,
                         const unic_trainer_options *options)
{
    steps kept;
    bool ok = list_kept(c, &kept);
    if (ok && kept.count == 0)
        ok = fail_to_resume(c, status);
    if (ok) {
        cli_note("warning: %s", unic_last_error());
        status = resume_kept(c, &kept, trainer, options);
        ok = status == UNIC_OK ||
             (is_lost(status) ? cli_fail("cannot resume: none of the checkpoints of %s can be "
                                         "read",
                                         c->model_path)
                              : cli_fail("cannot resume: %s", unic_last_error()));
    }
    free(kept.at);
    return ok;
}

/* The newest checkpoint may be whole, but not be read now: what to do is the user's decision. */
static bool fail_to_read(train_checkpoint *c)
{
    steps kept;
    if (!list_kept(c, &kept))
        return false;
    if (kept.count)
        cli_fail(
            "cannot resume: %s. If it stays so: the checkpoint before is kept, and goes on "
            "with --resume --out %s%s%s%llu%s",
            unic_last_error(), c->folder, c->stem, STEP, (unsigned long long)kept.at[0], MODEL);
    else
        cli_fail("cannot resume: %s", unic_last_error());
    free(kept.at);
    return false;
}

bool train_checkpoint_resume(train_checkpoint *c, unic_trainer **trainer, const char *settings,
                             const unic_comm *comm)
{
    const unic_trainer_options options = {
        .struct_size = sizeof options, .settings = settings, .comm = comm};
    unic_status status = unic_trainer_resume(trainer, c->model_path, &options,
                                             cli_open_options());
    if (status == UNIC_E_IO)
        return fail_to_read(c);
    if (status != UNIC_OK && !is_lost(status))
        return cli_fail("cannot resume: %s", unic_last_error());
    c->is_saved = status == UNIC_OK;
    if (!c->is_saved && !resume_older(c, trainer, status, &options))
        return false;
    c->step = unic_trainer_step_count(*trainer);
    return true;
}

/* ---- saving ---- */

bool train_checkpoint_is_model(const char *path)
{
    unic_codebook *codebook;
    const bool is = unic_codebook_load(&codebook, path, cli_open_options()) == UNIC_OK;
    unic_codebook_free(codebook);
    return is;
}

static bool is_there(const char *path)
{
    struct stat about;
    return !lstat(path, &about);
}

/* The file of a kept pair's names that is no checkpoint: others have files of any name. NULL if
 * there is none. A run's file belongs to the model beside it. */
static const char *stranger(const char *model, const char *run)
{
    const char *first = is_there(model) ? model : run;
    return is_there(first) && !train_checkpoint_is_model(first) ? first : NULL;
}

/* Gives a file of the newest pair a second name: the next save replaces its first. */
static void keep_file(const char *path, const char *kept)
{
    if (!is_there(path))
        return;
    unlink(kept);
    if (link(path, kept) && rename(path, kept)) /* some file systems have no links */
        cli_note("warning: cannot keep %s as %s: %s", path, kept, strerror(errno));
}

/* What cannot be kept does not stop the run. */
static void keep_pair(const train_checkpoint *c)
{
    char *model = kept_path(c, c->step, MODEL), *run = kept_path(c, c->step, RUN);
    const char *other = model && run ? stranger(model, run) : NULL;
    if (other) {
        cli_note("warning: cannot keep the checkpoint of step %llu: %s is there and is no "
                 "checkpoint",
                 (unsigned long long)c->step, other);
    } else if (model && run) {
        keep_file(c->run_path, run);
        keep_file(c->model_path, model);
    }
    free(model);
    free(run);
}

static void remove_kept(const train_checkpoint *c, uint64_t step)
{
    char *model = kept_path(c, step, MODEL), *run = kept_path(c, step, RUN);
    if (model && run && !stranger(model, run)) {
        unlink(run);
        unlink(model);
    }
    free(model);
    free(run);
}

/* All but the latest `most`, none of which is of `newest` or a later step. */
static void prune(train_checkpoint *c, uint64_t most, uint64_t newest)
{
    steps kept;
    bool ok = list_kept(c, &kept);
    size_t stay = 0;
    for (size_t i = 0; ok && i < kept.count; i++)
        if (kept.at[i] < newest && stay < most)
            stay++;
        else
            remove_kept(c, kept.at[i]);
    free(kept.at);
}

bool train_checkpoint_save(train_checkpoint *c, unic_trainer *trainer)
{
    uint64_t step = unic_trainer_step_count(trainer);
    if (c->is_saved && c->step == step)
        return true;
    if (c->is_saved && c->keep > 1)
        keep_pair(c);
    if (!cli_ok(unic_trainer_save(trainer, c->model_path)))
        return false;
    c->is_saved = true;
    c->step = step;
    if (c->is_new) /* an older run's are of no use any more */
        prune(c, 0, 0);
    else if (c->keep)
        prune(c, c->keep - 1, step);
    c->is_new = false;
    return true;
}

/* ---- mending ---- */

static bool write_model(const train_checkpoint *c, unic_trainer *trainer)
{
    unic_model *model;
    if (!cli_ok(unic_trainer_model(&model, trainer)))
        return false;
    bool ok = cli_ok(unic_model_save(model, c->model_path));
    unic_model_free(model);
    return ok;
}

bool train_checkpoint_mend(train_checkpoint *c, unic_trainer *trainer, bool is_changed)
{
    /* The newest pair is the one that was kept, if that is where the run goes on. */
    bool is_missing = c->is_saved && access(c->model_path, F_OK) != 0;
    bool ok = c->is_saved && !is_changed ? write_model(c, trainer)
                                         : cli_ok(unic_trainer_save(trainer, c->model_path));
    if (ok && is_missing)
        cli_note("%s was not there: made from %s", c->model_path, c->run_path);
    c->is_saved = ok;
    if (ok && c->keep)
        prune(c, c->keep - 1, c->step);
    return ok;
}
