/*
 * How the programs open data: files and directories as unic_dataset_open() takes them, or
 * "TABLE.csv:SPLIT", the clips of one split of a table.
 */
#ifndef UNIC_CLI_DATA_H
#define UNIC_CLI_DATA_H

#include <stdbool.h>

#include <unicode/unic.h>

/* Command line options for clips that are damaged or too long. */
typedef struct cli_data {
    bool skip_damaged; /* else they are failures */
    bool cut;          /* clips longer than train.length; a config is needed */
} cli_data;

#define CLI_SKIP_DAMAGED_OPTION(target)                                                        \
    {                                                                                          \
        "--skip-damaged", NULL,                                                                \
            "go on without clips that cannot be read or hold NaN or Inf, and name them",       \
            .flag = (target)                                                                   \
    }

/*
 * Opens with `options`. A config with `padding = real`, as models of the CMG code have, needs
 * batches as that code makes them: of train.length steps, with longer clips cut, and shorter
 * ones (except of tokens) filled up with their last step. `config` may be NULL.
 */
bool cli_data_open(unic_dataset **out, const cli_data *how, unic_config *config,
                   const char *const *paths, size_t path_count, unic_dataset_options options);

/* The same with a model's config; features that another extractor made than the model's are
 * refused (cli/extractor.h). *out is to be freed also on failure. */
bool cli_data_open_for(unic_dataset **out, const cli_data *how, const unic_model *model,
                       const char *const *paths, size_t path_count,
                       unic_dataset_options options);

/* The same without a message: a failure is returned as a status, with unic_last_error().
 * `length` and `repeat_last` are as `options` has them. */
unic_status cli_data_try(unic_dataset **out, const cli_data *how, const char *const *paths,
                         size_t path_count, unic_dataset_options options);

/* The number of elements of labels with these dims; false, after a message, if there are too
 * many to hold in memory. */
bool cli_data_label_count(const char *name, const int64_t *dims, size_t rank, size_t *count);

#endif
