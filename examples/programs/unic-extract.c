/*
 * unic-extract: the features of films, sounds, pictures and texts, as unic_dataset reads them.
 *
 * One clip's way: file -> cli_features_file() -> FOLDER/clip.npy.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <unicode/unic.h>

#include "cli/limit.h"
#include "cli/model.h"
#include "cli/npy.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/sources.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/threads.h"
#include "extract/clips.h"

enum { KILO = 1024 };

typedef struct job {
    extract_request request;
    unic_extractor *extractor;
    cli_features features;
    extract_clips clips;
    cli_sources sources;      /* what the folder's arrays were made of */
    size_t made, before, bad; /* clips */
    uint64_t steps;           /* of those that were made */
    uint64_t bytes;           /* of files that are done, by which progress counts */
    const extract_clip *clip; /* that is being made */
    bool stopped_at_bad;      /* nothing came of it */
    cli_output out;
    size_t clip_steps;
} job;

/* ---- the folder ---- */

/* Whether the folder has features. One that may be written but not read passes for empty. */
static bool find_features(bool *has, const char *folder)
{
    DIR *names = cli_opendir(folder);
    *has = false;
    if (!names && errno != EACCES)
        return cli_fail("cannot list %s: %s", folder, strerror(errno));
    for (const struct dirent *entry; names && !*has && (entry = readdir(names));)
        *has = *entry->d_name != '.' &&
               (cli_ends_with(entry->d_name, ".npy") || cli_ends_with(entry->d_name, ".zip"));
    if (names)
        closedir(names);
    return true;
}

/* Makes the folder, and those that it stands in. */
static bool make_folder(const char *folder)
{
    char *path = strdup(folder);
    bool ok = path != NULL || cli_fail("out of memory for the path %s", folder);
    for (char *end = path; ok && end;) {
        end = strchr(end + 1, '/');
        if (end)
            *end = '\0';
        ok = !*path || !mkdir(path, 0777) || errno == EEXIST ||
             cli_fail("cannot make the folder %s: %s", path, strerror(errno));
        if (end)
            *end = '/';
    }
    free(path);
    return ok;
}

/* Says, in a folder that does not, what makes its features; `*words` is what the folder says then,
 * which another process may have said first. */
static bool sign_folder(char **words, const char *own, const char *folder)
{
    bool has;
    return find_features(&has, folder) && (has || cli_extractor_write(own, folder)) &&
           cli_extractor_read(words, folder) &&
           (*words ||
            cli_fail("%s has features already, and no extract.ini that tells which extractor "
                     "made them: name another --out",
                     folder));
}

/* The folder keeps what made its features, and takes none of another extractor. */
static bool take_folder(const job *j)
{
    const char *folder = j->request.folder;
    char *own = cli_extractor_words(j->extractor), *there = NULL;
    bool ok = own && make_folder(folder) && cli_extractor_read(&there, folder) &&
              (there || sign_folder(&there, own, folder));
    if (ok && strcmp(there, own))
        ok = cli_fail("%s has features of another extractor, %s; these would be of %s: name "
                      "another --out",
                      folder, there, own);
    free(own);
    free(there);
    return ok;
}

/* ---- clips ---- */

static void tell_progress(const job *j, double part)
{
    uint64_t bytes = j->bytes + (uint64_t)(part * (double)j->clip->bytes);
    cli_progress_at(bytes / KILO, j->clip->name);
}

/* A cli_features_fn. */
static bool take_steps(const float *features, size_t steps, double part, void *user)
{
    job *j = user;
    j->clip_steps += steps;
    tell_progress(j, part);
    return !cli_signal() &&
           cli_npy_append(&j->out, features, steps * j->features.numbers * sizeof *features);
}

static cli_outcome make_clip(job *j)
{
    const extract_clip *clip = j->clip;
    const int64_t *dims = j->features.dims;
    const size_t rank = j->features.rank;
    cli_source source;
    const bool is_there = extract_clip_source(&source, clip); /* before it is read */
    j->clip_steps = 0;
    cli_output_clear(clip->out);
    if (!cli_output_open(&j->out, clip->out))
        return CLI_FAILED;
    cli_outcome outcome = CLI_FAILED;
    if (cli_npy_header(&j->out, "<f4", 0, dims, rank))
        outcome = clip->text
                      ? cli_features_text(&j->features, clip->name, clip->text, take_steps, j)
                      : cli_features_file(&j->features, clip->path, take_steps, j);
    if (outcome == CLI_GOOD && (!cli_npy_header(&j->out, "<f4", j->clip_steps, dims, rank) ||
                                !cli_output_commit(&j->out)))
        outcome = CLI_FAILED;
    cli_output_discard(&j->out);
    if (outcome == CLI_GOOD && is_there)
        cli_sources_add(&j->sources, extract_clip_array(clip), &source);
    return outcome;
}

static bool make_all(job *j)
{
    uint64_t total = 0;
    for (size_t i = 0; i < j->clips.count; i++)
        total += j->clips.items[i].done ? 0 : j->clips.items[i].bytes;
    cli_progress_begin(total / KILO, 0, "kB");
    for (size_t i = 0; i < j->clips.count && !cli_signal(); i++) {
        j->clip = &j->clips.items[i];
        if (j->clip->done) {
            j->before++;
            continue;
        }
        cli_outcome outcome = make_clip(j);
        j->stopped_at_bad = outcome == CLI_BAD && !j->request.skip_damaged;
        if (outcome == CLI_FAILED || j->stopped_at_bad)
            return false;
        j->made += outcome == CLI_GOOD;
        j->bad += outcome == CLI_BAD;
        j->steps += outcome == CLI_GOOD ? j->clip_steps : 0;
        j->bytes += j->clip->bytes;
        tell_progress(j, 0);
    }
    return !cli_signal();
}

/* ---- the end ---- */

static bool print_table(const job *j, double seconds)
{
    const struct {
        const char *name;
        size_t count;
    } rows[] = {{"made", j->made}, {"made before", j->before}, {"bad, passed over", j->bad}};
    char time[CLI_DURATION], dims[128] = "";
    cli_table table;
    for (size_t i = 0, used = 0; i < j->features.rank; i++)
        used += (size_t)snprintf(dims + used, sizeof dims - used, ",%lld",
                                 (long long)j->features.dims[i]);
    cli_table_begin(&table, 3);
    cli_table_cell(&table, "%s", unic_extractor_kind(j->extractor));
    cli_table_cell(&table, "clips");
    cli_table_cell(&table, "steps");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cli_table_cell(&table, "%s", rows[i].name);
        cli_table_cell(&table, "%zu", rows[i].count);
        if (i == 0)
            cli_table_cell(&table, "%llu", (unsigned long long)j->steps);
        else
            cli_table_cell(&table, "-");
    }
    if (!cli_table_end(&table, stdout))
        return false;
    printf("%s: float32 [steps%s] a clip, in %s, at most %.0f MB of memory\n",
           j->request.folder, dims, cli_duration(time, seconds),
           (double)cli_peak_memory() / 1e6);
    return true;
}

static bool extract(job *j)
{
    double started = cli_now();
    if (!extract_clips_find(&j->clips, &j->request, j->features.reads == UNIC_EXTRACTOR_TEXT) ||
        !take_folder(j) || !cli_sources_read(&j->sources, j->request.folder) ||
        !extract_clips_find_done(&j->clips, &j->sources))
        return false;
    bool ok = make_all(j);
    cli_progress_clear();
    if (!ok) {
        cli_note("stopped after %zu of %zu clips; the same command goes on from there%s",
                 j->made + j->before, j->clips.count,
                 j->stopped_at_bad ? ", with --skip-damaged past such files" : "");
        return false;
    }
    if (!print_table(j, cli_now() - started))
        return false;
    return j->made || j->before ||
           cli_fail("nothing came of any of the %zu clips", j->clips.count);
}

static bool no_folder(const cli_list *files)
{
    struct stat about;
    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->items[i];
        if (!stat(path, &about) && S_ISDIR(about.st_mode))
            return cli_fail("%s is a folder: name the files that are in it", path);
    }
    return true;
}

/* Neither --fit nor --save is a file that is read, nor are they one file. */
static bool are_apart(const extract_request *r)
{
    const char *const made_of[] = {r->from.path, r->from.weights, r->from.vocabulary,
                                   r->from.keep};
    const size_t count = sizeof made_of / sizeof *made_of;
    return cli_output_ready("--fit", r->fit_path, r->files.items, r->files.count) &&
           cli_output_ready("--fit", r->fit_path, made_of, count) &&
           cli_output_ready("--save", r->save_path, r->files.items, r->files.count) &&
           cli_output_ready("--save", r->save_path, made_of, count) &&
           cli_outputs_differ("--fit", r->fit_path, "--save", r->save_path);
}

static bool run(job *j)
{
    const extract_request *r = &j->request;
    return no_folder(&r->files) && are_apart(r) && cli_ok(unic_set_threads((int)r->threads)) &&
           cli_extractor_open(&j->extractor, &r->from) &&
           cli_features_begin(&j->features, j->extractor, r->skip_damaged, r->threads) &&
           (!r->fit_path || extract_fit(r, j->extractor, &j->features)) &&
           (!r->save_path || cli_ok(unic_extractor_save(j->extractor, r->save_path))) &&
           (!r->folder || extract(j));
}

static void release(job *j)
{
    extract_clips_free(&j->clips);
    cli_sources_free(&j->sources);
    cli_features_free(&j->features);
    unic_extractor_free(j->extractor);
    cli_list_free(&j->request.files);
    cli_list_free(&j->request.settings);
}

static const char purpose[] =
    "the features of films, sounds, pictures and texts.\n\n"
    "Writes one array [steps,...] a FILE, FOLDER/clip.npy of clip.mp4: what unic-train,\n"
    "unic-encode and unic-inspect read as one modality, if FOLDER is DIR/<modality>. Clips of\n"
    "several modalities belong together by their names.";

static const char more[] =
    "Kinds (docs/media.md has their keys):\n"
    "  logmel   sound to [96,64], spectra as VGGish takes them; with --set bands=16 parts=8 "
    "to\n"
    "           [128], which can be trained on as it is\n"
    "  patches  frames to [7,7,64], how near each cell is to typical patches, which --fit "
    "learns\n"
    "           from pictures or films of your own\n"
    "  vggish   sound to [128], a pretrained network, with --weights\n"
    "  vgg19    frames to [7,7,512], a pretrained network, with --weights\n"
    "  bert     words to [768], a pretrained network, with --weights and --vocabulary\n"
    "  ngrams   words to [64], by their letters; FILEs are texts, one a clip, or tables .tsv\n"
    "           whose first line names a column video_id, filename or id, and a column text\n"
    "\n"
    "--fit learns from the FILEs, which should be the training clips: patches its typical "
    "patches,\n"
    "every other kind the mean and the deviation of each channel of its features (logmel with\n"
    "parts, words: of each dim), which are 0 and 1 from then on. It may be given with --out.\n"
    "\n"
    "Sound is averaged over its channels and resampled, frames are taken at the extractor's\n"
    "rate and scaled, as docs/media-decoding.md says. Any length of film is read in parts.\n"
    "\n"
    "FOLDER/extract.ini keeps the extractor's settings and fingerprint: a folder has features\n"
    "of one extractor, and a model that is trained on them remembers it. The same command "
    "goes\n"
    "on where it was stopped: arrays whose files are as they were, by size and time in\n"
    "FOLDER/sources.tsv, are left as they are. Arrays appear complete or not at all.\n"
    "\n"
    "Examples:\n"
    "  unic-extract --kind logmel --set bands=16 parts=8 --fit logmel.npz --out features/audio "
    "clips/*.mp4\n"
    "  unic-extract --kind patches --fit patches.npz clips/*.mp4\n"
    "  unic-extract --extractor patches.npz --out features/video clips/*.mp4\n"
    "  unic-extract --kind ngrams --out features/text captions.tsv\n"
    "  unic-train --config small.ini --data features --out model.npz";

/* Of the words that belong to no option, "parts=8" is one more setting, unless a file is called
 * so. */
static bool sort_words(extract_request *r)
{
    const char **settings = cli_alloc(r->settings.count + r->files.count, sizeof *settings);
    struct stat about;
    size_t files = 0;
    if (!settings)
        return false;
    for (size_t i = 0; i < r->settings.count; i++)
        settings[i] = r->settings.items[i];
    free(r->settings.items);
    r->settings.items = settings;
    for (size_t i = 0; i < r->files.count; i++) {
        const char *word = r->files.items[i];
        if (strchr(word, '=') && stat(word, &about))
            settings[r->settings.count++] = word;
        else
            r->files.items[files++] = word;
    }
    r->files.count = files;
    return true;
}

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    job j = {.request = {.threads = cli_threads_default()}};
    extract_request *r = &j.request;
    const cli_option options[] = {
        {"--kind", "KIND", "a new extractor: logmel, patches, ngrams, vggish, vgg19 or bert",
         .text = &r->from.kind},
        {"--set", "KEY=VALUE...", "settings of the kind", .list = &r->settings},
        {"--weights", "FILE",
         "of a pretrained network: what torch.save() wrote, safetensors, or an npz",
         .text = &r->from.weights},
        {"--vocabulary", "FILE", "of bert: its vocab.txt", .text = &r->from.vocabulary},
        {"--keep", "FILE", "of bert: words that give a step, one a line; others give none",
         .text = &r->from.keep},
        {"--save", "E.npz", "write the extractor with its weights, for --extractor",
         .text = &r->save_path},
        {"--extractor", "E.npz", "instead of --kind: an extractor from --fit or --save",
         .text = &r->from.path},
        {"--fit", "E.npz", "learn from the FILEs, and write the extractor",
         .text = &r->fit_path},
        {"--out", "FOLDER", "where the arrays are written; made if it is not there",
         .text = &r->folder},
        {"--skip-damaged", NULL,
         "pass over files that nothing comes of, and damaged parts of films, and name them",
         .flag = &r->skip_damaged},
        CLI_MEMORY_LIMIT_OPTION,
        CLI_THREADS_OPTION(&r->threads),
    };
    const cli_program program = {
        .name = "unic-extract",
        .purpose = purpose,
        .usage = "--kind KIND|--extractor E.npz --out FOLDER [options] FILE...",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &r->files,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    if (!sort_words(r))
        return EXIT_FAILURE;
    r->from.keys = &r->settings;
    if (!r->from.kind == !r->from.path)
        cli_wrong_usage(&program, "one of --kind KIND and --extractor E.npz is expected");
    if (r->from.path && (r->from.weights || r->from.vocabulary || r->from.keep))
        cli_wrong_usage(&program,
                        "--weights, --vocabulary and --keep go with --kind: an extractor's "
                        "file has them");
    if (r->from.path && r->settings.count)
        cli_wrong_usage(&program,
                        "--set goes with --kind: an extractor's file has its settings");
    if (!r->folder && !r->fit_path && !r->save_path)
        cli_wrong_usage(&program, "--out FOLDER is missing");
    if (r->files.count == 0 && (r->folder || r->fit_path))
        cli_wrong_usage(&program, "there is no FILE");

    cli_signal_catch();
    bool ok = run(&j);
    int status = ok || !cli_signal() ? cli_exit_status(ok) : 128 + cli_signal();
    release(&j);
    return status;
}
