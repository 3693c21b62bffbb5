/*
 * unic-inspect: what is in a model, a data file, or a film.
 */
#include <stdio.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/clip_table.h"
#include "cli/data.h"
#include "cli/limit.h"
#include "cli/media.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/threads.h"
#include "inspect/inspect.h"

enum { BATCH = 64, READ_AHEAD = 2, MESSAGE = 1024 };

/* What is neither a model nor data is a film, or nothing that is known. */
static bool inspect_film(const char *path, const char *why_no_model)
{
    unic_media *media;
    const char *why_no_film = cli_media_try(&media, path, false, 1);
    if (why_no_film)
        return cli_fail("%s is no model or data file (%s) and no film (%s)", path, why_no_model,
                        why_no_film);
    bool ok = printf("%s: ", path) > 0 && cli_media_print(media);
    cli_media.free(media);
    return ok;
}

static bool inspect(const inspect_request *r)
{
    unic_model *model = NULL;
    unic_dataset *data = NULL;
    unic_dataset_options options = {
        .struct_size = sizeof options, .batch = BATCH, .prefetch = READ_AHEAD};
    char why_no_model[MESSAGE];
    bool ok;
    if (!cli_ok(unic_set_threads((int)r->threads)))
        return false;
    if (!cli_table_size(r->path) &&
        unic_model_open(&model, r->path, cli_open_options()) == UNIC_OK) {
        ok = inspect_model(r, model);
        unic_model_free(model);
        return ok;
    }
    snprintf(why_no_model, sizeof why_no_model, "%s",
             cli_table_size(r->path) ? "" : unic_last_error());
    if (r->config || r->data_path)
        return *why_no_model ? cli_fail("%s", why_no_model)
                             : cli_fail("%s is a table of clips, a model expected", r->path);
    if (cli_data_try(&data, &r->how, &r->path, 1, options) == UNIC_OK) {
        ok = inspect_data(r, data);
        unic_dataset_free(data);
        return ok;
    }
    if (!cli_table_size(r->path) && cli_media_is(r->path))
        return inspect_film(r->path, why_no_model);
    if (!*why_no_model ||
        strstr(why_no_model, unic_last_error())) /* no npz, or no file at all */
        return cli_fail("%s", unic_last_error());
    return cli_fail("%s is no model (%s) and no data file (%s)", r->path, why_no_model,
                    unic_last_error());
}

static const char purpose[] =
    "what is in a model, a data file, or a film.\n\n"
    "Of a model, or a checkpoint of the CMG code: modalities, codebook, settings, and with\n"
    "--data how its codes are used.\n"
    "Of a data file: modalities, their dims, lengths and values, and the labels.\n"
    "Of a film, a sound or a picture: streams, duration and tags.";

static const char more[] = "Examples:\n"
                           "  unic-inspect train.npz\n"
                           "  unic-inspect clip.mp4\n"
                           "  unic-inspect model.npz --data test.npz\n"
                           "  unic-inspect model.npz --config > same-settings.ini";

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    inspect_request r = {.threads = cli_threads_default()};
    cli_list files = {0};
    const cli_option options[] = {
        {"--data", "FILE", "of a model: encode this data file and show how the codes are used",
         .text = &r.data_path},
        {"--config", NULL, "of a model: print its config, for unic-train --config, and no more",
         .flag = &r.config},
        CLI_SKIP_DAMAGED_OPTION(&r.how.skip_damaged),
        CLI_MEMORY_LIMIT_OPTION,
        CLI_THREADS_OPTION(&r.threads),
    };
    const cli_program program = {
        .name = "unic-inspect",
        .purpose = purpose,
        .usage = "FILE [options]",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &files,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    if (files.count != 1)
        cli_wrong_usage(&program, "expected one FILE, not %zu", files.count);
    r.path = files.items[0];
    int status = cli_exit_status(inspect(&r));
    cli_list_free(&files);
    return status;
}
