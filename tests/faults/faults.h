/*
 * Every exported function as a call that can be made to fail: handles and files that it needs,
 * the call, and what it gave as one hash. check_memory.c lets each allocation of each call fail
 * in turn, check_calls.c each call of the system.
 */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

#include "model/small_model.h"
#include "task/head_help.h"
#include "task/segment_help.h"

/* What a call needs; made anew for every try, since a call may change it. */
typedef enum fault_needs {
    NEEDS_NOTHING = 0,
    NEEDS_CONFIG = 1 << 0,
    NEEDS_CODEBOOK = 1 << 1,
    NEEDS_TRAINER = 1 << 2,
    NEEDS_MODEL = 1 << 3, /* opened from its file; its weights are not yet read */
    NEEDS_ENCODER = 1 << 4,
    NEEDS_DATASET = 1 << 5,
    NEEDS_BATCH = 1 << 6,
    NEEDS_HEAD = 1 << 7,
    NEEDS_INDEX = 1 << 8,
    NEEDS_RETRIEVER = 1 << 9,
    NEEDS_SEGMENTER = 1 << 10,
    NEEDS_MAP = 1 << 11,
    NEEDS_WRITER = 1 << 12,
    NEEDS_STREAM = 1 << 13, /* with a few steps pushed */
    NEEDS_BUFFER = 1 << 14,
    NEEDS_EXTRACTOR = 1 << 15, /* of words      */
    NEEDS_SPECTRA = 1 << 16,   /* one of sound */
    NEEDS_PATCHES = 1 << 17,   /* one of frames, fitted */
    NEEDS_NETWORK = 1 << 18,   /* one without its weights */
    NEEDS_BERT = 1 << 19       /* one of text, without weights and words */
} fault_needs;

typedef struct world {
    unic_config *config;
    unic_codebook *codebook; /* 12 codes of 6 dims */
    unic_trainer *trainer;
    unic_model *model;
    unic_encoder *encoder; /* of modality "audio" */
    unic_stream *stream;   /* through it          */
    unic_dataset *dataset;
    unic_batch *batch;
    unic_head *head;
    unic_index *index;
    unic_retriever *retriever;
    unic_segmenter *segmenter;
    unic_class_map *map;
    unic_npz_writer *writer;
    unic_buffer *buffer;
    unic_extractor *extractor;
    uint64_t digest; /* of all that the call gave */
} world;

/* Files and arrays that no call changes, made once; `folder` holds nothing else. */
typedef struct world_files {
    char folder[512];
    char model[600], run[600], head[600], index[600], retriever[600], segmenter[600],
        extractor[600], weights[600], words[600];
    char dataset[600], clips[600], table[600], config[600], map[600];
    char out[600], out_run[600]; /* where calls write; hold "old" before each call */
} world_files;
extern world_files files;
extern const small_batch *features; /* of the model's modalities */
extern const head_data *head_clips;
extern const segment_data *pictures;
unic_array steps_of_audio(void); /* [2,6] */
extern unic_array rows, items;   /* [12,6], [CLIPS,3] */

/* What a call is. */
typedef enum fault_kind {
    ALLOCATES = 0,
    NOTHING = 1 << 0, /* it allocates nothing, which is checked too */
    WRITES = 1 << 1,  /* files.out, or that and files.out_run       */
    /* On a thread, and also what is never asked for, whose failures go unheard. */
    READS_AHEAD = 1 << 2,
    /* A model keeps the weights that it has read, whatever fails after that. */
    KEEPS = 1 << 3
} fault_kind;

typedef struct fault_case {
    const char *function;
    unic_status (*call)(world *w); /* makes it; handles that it creates go into w */
    unsigned needs;
    unsigned is;
} fault_case;

extern const fault_case *const fault_tables[]; /* each ends with a NULL function; so do they */

void world_files_make(void);
/* Saves to memory, and gives the bytes that are there then. */
#define GIVE_SAVED(w, save, handle)                                                            \
    do {                                                                                       \
        unic_sink sink_;                                                                       \
        unic_buffer_sink(&sink_, (w)->buffer);                                                 \
        UNIC__TRY(save(handle, &sink_));                                                       \
        give(w, unic_buffer_data((w)->buffer), unic_buffer_byte_count((w)->buffer));           \
        return UNIC_OK;                                                                        \
    } while (0)

#define FAULT_LOGMEL                                                                           \
    "kind = logmel\nrate = 1000\nwindow = 4\nhop = 2\nbands = 3\nhigh = 400\nframes = 2\n"     \
    "parts = 1"
#define FAULT_PATCHES                                                                          \
    "kind = patches\nside = 4\ncells = 2\npatch = 2\ncomponents = 2\nchannels = 3\nsamples = " \
    "100"
extern unic_array shown; /* [9,4,4,3] uint8 */
#define CHECKPOINT "tests/cmg/fixtures/av.pt"
/* What one of these files holds, in memory; made with them. */
unic_source world_source(const char *file);
void world_files_remove(void);
world world_open(unsigned needs);
void world_close(world *w);

/* Adds what a call gave to the digest. */
void give(world *w, const void *data, size_t bytes);
void give_text(world *w, const char *text);
void give_file(world *w, const char *path);

/* files.out and files.out_run hold "old" again; whether they do, and nothing temporary is left. */
void outputs_reset(void);
void outputs_assert_old(const char *what);

/* An allocator that counts; the library's threads use it too. */
void fault_allocator_begin(void);
void fault_allocator_end(void);
/* From now on the n-th allocation fails (0: none); the number of allocations since the last call. */
size_t fault_allocation_fails(size_t n);
/* Between on and off: which calls led to the n-th allocation, as a hash. */
void fault_note_places(bool on);
uint64_t fault_place(size_t n);
long fault_live_blocks(void);

/* How the tables' parts are written: a call, its case, the case of a function by another call. */
#define CALL(name) static unic_status name(world *w)
#define CASE(name, needs, is)                                                                  \
    {                                                                                          \
        "unic_" #name, name, (needs), (is)                                                     \
    }
#define CASE_OF(function, name, needs, is)                                                     \
    {                                                                                          \
        "unic_" #function, name, (needs), (is)                                                 \
    }

extern const fault_case ground_cases[], model_cases[], task_cases[], extract_cases[];

#endif
