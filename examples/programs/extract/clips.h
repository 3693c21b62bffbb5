/* unic-extract: its options, and what its parts do. */
#ifndef UNIC_EXTRACT_CLIPS_H
#define UNIC_EXTRACT_CLIPS_H

#include <stdbool.h>
#include <stdint.h>

#include <unicode/unic.h>

#include "cli/extractor.h"
#include "cli/features.h"
#include "cli/options.h"
#include "cli/sources.h"

typedef struct extract_request {
    const char *folder, *fit_path, *save_path; /* --out, --fit, --save; each may be NULL */
    cli_extractor_source from;
    cli_list files, settings;
    bool skip_damaged;
    uint64_t threads;
} extract_request;

/* One clip to be made: from a file, or from a text of a table. */
typedef struct extract_clip {
    const char *path; /* of the file */
    const char *text; /* NULL: the file is the clip */
    char *name;       /* without what stands behind the last dot */
    char *out;        /* FOLDER/name.npy, if there is a folder */
    uint64_t bytes;   /* of the file or the text, by which progress counts */
    bool done;        /* its features stand there, made of this file or text */
} extract_clip;

typedef struct extract_clips {
    extract_clip *items;
    size_t count, capacity;
    char **tables; /* texts that clips are of */
    size_t table_count;
} extract_clips;

/* Finds the clips of the files; two may not have one name in the folder. It is to be freed also on
 * failure. */
bool extract_clips_find(extract_clips *out, const extract_request *r, bool reads_text);

/* Finds those whose features stand in the folder, by what is known of their sources. False,
 * after a message, if other features would be written over. */
bool extract_clips_find_done(extract_clips *clips, const cli_sources *made_of);

/* The name of the clip's array in the folder, and what it is made of: false if that is not
 * there. */
const char *extract_clip_array(const extract_clip *clip);
bool extract_clip_source(cli_source *out, const extract_clip *clip);

void extract_clips_free(extract_clips *clips);

/* Learns what the extractor learns from the files, and writes it to --fit. */
bool extract_fit(const extract_request *r, unic_extractor *extractor, cli_features *f);

#endif
