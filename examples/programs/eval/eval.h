/*
 * Shared by the parts of unic-eval: the command line, the codes and labels of both files, and
 * the scores of every direction.
 */
#ifndef UNIC_EVAL_EVAL_H
#define UNIC_EVAL_EVAL_H

#include <stdbool.h>
#include <stdio.h>

#include <unicode/unic.h>

#include "cli/codes.h"
#include "cli/vectors.h"

enum { M = UNIC_MAX_MODALITIES, EVAL_CMG_CLIPS = 80, EVAL_CMG_MASK_CLIPS = 4 };

typedef enum eval_task { CLASSIFY, LOCALISE, SEGMENT, RETRIEVE } eval_task;

/* The names of classes, one for each line of a file; without a file, classes have only
 * numbers. */
typedef struct eval_name {
    const char *name;
    size_t number;
} eval_name;

typedef struct eval_names {
    char *text;
    const char **items; /* [count] into `text`, or NULL */
    eval_name *sorted;  /* [count], to be searched */
    size_t count;
} eval_names;

/* The labels of a file's clips or steps, for each of its modalities. */
typedef struct eval_labels {
    size_t classes;
    bool multi; /* [N,T,C] of 0 and 1; else [N] or [N,T] of classes */
    int32_t *of[M];
} eval_labels;

/* The result of one direction; only the members of the current task are set. */
typedef struct eval_score {
    bool there;
    unic_class_report classes; /* one class a clip or step */
    int64_t *confusion;        /* [classes,classes], rows: truth; NULL if none is written */
    double *per_class;         /* [classes] */
    unic_match_report steps, steps_cmg, events; /* localise; _cmg: of [N,T,C] */
    unic_mask_report masks, masks_cmg;
    unic_rank_report ranks;
    double recall[CLI_RECALLS];
    size_t gallery;
    double threshold; /* [N,T,C]: the probability above which a class was there */
} eval_score;

/* Which of the codes' channels are used (TOC). */
typedef struct eval_channels {
    size_t most, p, q; /* the command line: so many, p parts highest to q lowest; 0: all */
    size_t *chosen, count;
} eval_channels;

typedef struct evaluation {
    /* the command line */
    const char *model_path, *train_path, *test_path, *task_name, *json_path, *logits_path;
    const char *class_map_path, *classes_path, *test_classes_path;
    const char *background_name, *threshold_text, *segmenter, *relevant, *metric_name;
    const char *channels_text, *soft_text;
    bool table, requantize;
    cli_list settings, train_on, test_on;
    cli_data how;
    uint64_t seed, epochs, threads;

    eval_task task;
    double threshold;         /* of probabilities; 0: each head's best on its own clips */
    const cli_metric *metric; /* to retrieve by */
    bool by_class;            /* retrieve: what is relevant */
    unic_model *model;
    eval_channels channels;
    size_t soft;             /* the nearest codes of a test step that a head is given; 0: one */
    double temperature;      /* of their weights */
    unic_codebook *whole;    /* of all channels */
    unic_codebook *codebook; /* of these channels alone, if there are any */
    cli_codes train, test;   /* to retrieve: the queries, the gallery */
    eval_names names, test_names;
    eval_labels train_labels, test_labels;
    size_t classes;     /* that heads have, and the test's labels are of */
    int32_t background; /* -1: none */
    cli_usage usage;    /* over the test clips */
    unic_npz_writer *logits;
    eval_score scores[M][M]; /* trained on, tested on */
} evaluation;

/* "64" or "64:3:1". */
bool eval_parse_channels(eval_channels *out, const char *text);
/* "8" or "8:0.25". */
bool eval_parse_soft(evaluation *e, const char *text);
/* The codebook becomes that of the channels that are asked for; the whole one stays. */
bool eval_choose_channels(evaluation *e);

/* Reads the names that the command line gives, and the labels of both files, and maps the
 * test's classes to those of the heads. */
bool eval_read_labels(evaluation *e);

/* A row of [N,T,C] labels in other classes: not counted, if it has a -1, or classes but none of
 * those that `to` has a place for. */
void eval_translate_row(const int32_t *theirs, size_t n, const int32_t *to, int32_t *ours,
                        size_t m);
/* The test's labels as classes of the train's: `to` says which, -1 none. */
bool eval_translate(evaluation *e, const int32_t *to);

/* Says which classes that labels of the test are of have no place in a class map. */
bool eval_tell_unmapped(const evaluation *e, const int32_t *to);

/* Nobody can learn a class that no label to train on is of: which they are is said, and labels
 * of the test that are of them become -1. */
bool eval_leave_out_unseen(evaluation *e);
/* seen [classes]: what the head of train's modality `a` can learn, of which there must be something
 * to tell apart. Says which of the test's classes it cannot. */
bool eval_mark_learnt(const evaluation *e, size_t a, bool *seen);
/* Labels of the test that are of other classes become -1. */
void eval_leave_out(const evaluation *e, const bool *seen, int32_t *labels);

enum { EVAL_OTHERS = 240 };
/* Adds a class to "a", "b", by its name or its number; one that has no room is counted in
 * `left`. */
void eval_list_class(const eval_names *names, size_t i, char text[EVAL_OTHERS], size_t *left);
/* Ends the list: "a", "b" and 7 more. */
void eval_end_list(char text[EVAL_OTHERS], size_t left);

/* "label" of the test clips, for what is relevant to a query. */
bool eval_read_clip_labels(evaluation *e);

void eval_labels_free(evaluation *e);

/* A head trained on every modality of the train clips, each tested on all of the test's. */
bool eval_heads(evaluation *e);

/* The same with segmenters. */
bool eval_segment(evaluation *e);

/* Retrieves clips of every modality by those of every other one. */
bool eval_retrieve(evaluation *e);

/* The results on stdout, and in a file. */
bool eval_print(const evaluation *e);
bool eval_save_json(const evaluation *e);

#endif
