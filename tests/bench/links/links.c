/*
 * What links between machines cost a training of many ranks. One rank of R is at work, and behind its
 * unic_comm are R - 1 others that bring what it brings: everything that a rank computes and holds grows
 * with R as it would. What it asks of the others is noted with the processor time at which it is asked,
 * and played again over links of any speed:
 *
 *   a sum of n bytes takes 2 (R - 1) / R n / bandwidth + 2 ceil(log2 R) latency   (Rabenseifner's)
 *   a gather of n bytes from each takes (R - 1) n / bandwidth + ceil(log2 R) latency
 *
 * one after the other on one link for each rank, while the rank computes until it waits. So it is a model
 * of the links with measured computing: no other machine is there, and other ranks are never late. With
 * `sleep` the rank really waits for so long, which shows on a machine with nothing else at work whether
 * the play is right.
 *
 *   links CLIPS_A_RANK RANKS STEPS SLEEP_GBITS KEY=VALUE...        (SLEEP_GBITS 0: it does not sleep)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "unicode/unic.h"

enum { EVENTS = 1 << 16, SPEEDS = 5, MOST_STEPS = 64 };

static const double gbits[SPEEDS] = {1, 10, 25, 100, 1e9}; /* the last: nothing but latency */
static const double latency = 20e-6; /* seconds of one message: TCP within a rack */

typedef enum kind { SUM, WAIT, GATHER } kind;

typedef struct event {
    kind kind;
    double at; /* processor time since the step's begin */
    size_t bytes;
    size_t sum; /* the event that a wait waits for */
} event;

typedef struct world {
    size_t ranks, count;
    event event[EVENTS];
    double begun;        /* of the step, on the clock that counts */
    double sleep_gbits;  /* 0: nobody sleeps */
    double free;         /* when the link is, if one sleeps */
    double done[EVENTS]; /* when a sum is */
} world;

static void check(unic_status status)
{
    if (status == UNIC_OK)
        return;
    fprintf(stderr, "links: %s\n", unic_last_error());
    exit(1);
}

static double clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now(const world *w)
{
    return clock_of(w->sleep_gbits > 0.0 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- links ---- */

static double cost(const world *w, kind kind, size_t bytes, double speed)
{
    const double r = (double)w->ranks, seconds = 8e-9 * (double)bytes / speed;
    const double hops = ceil(log2(r)) * latency;
    return kind == SUM ? 2.0 * (r - 1.0) / r * seconds + 2.0 * hops
                       : (r - 1.0) * seconds + hops;
}

/* The seconds of a step whose computing ends after `computing`. */
static double play(const world *w, double computing, double speed)
{
    double *done = calloc(EVENTS, sizeof *done), link = 0.0, stall = 0.0;
    for (size_t i = 0; i < w->count; i++) {
        const event *e = &w->event[i];
        const double at = e->at + stall;
        if (e->kind != WAIT)
            done[i] = link = (link > at ? link : at) + cost(w, e->kind, e->bytes, speed);
        const double until = e->kind == SUM ? 0.0 : e->kind == WAIT ? done[e->sum] : done[i];
        stall += until > at ? until - at : 0.0;
    }
    free(done);
    return computing + stall;
}

/* ---- the others, who bring the same ---- */

static size_t note(world *w, kind kind, size_t bytes, size_t sum)
{
    if (w->count == EVENTS) {
        fprintf(stderr, "links: a step has over %d calls\n", EVENTS);
        exit(1);
    }
    w->event[w->count] = (event){kind, now(w) - w->begun, bytes, sum};
    return w->count++;
}

static void sleep_until(const world *w, double end)
{
    const double left = end - now(w);
    if (left > 0.0)
        nanosleep(&(struct timespec){(time_t)left, (long)(1e9 * (left - floor(left)))}, NULL);
}

/* When a call that begins now is through the link. */
static double through(world *w, kind kind, size_t bytes)
{
    const double at = now(w);
    w->free = (w->free > at ? w->free : at) + cost(w, kind, bytes, w->sleep_gbits);
    return w->free;
}

static int sum_start(void *data, size_t count, unic_comm_type type, void **request, void *user)
{
    world *w = user;
    const size_t bytes = count * (type == UNIC_COMM_FLOAT32 ? sizeof(float) : sizeof(double));
    const size_t i = note(w, SUM, bytes, 0);
    if (w->sleep_gbits > 0.0)
        w->done[i] = through(w, SUM, bytes);
    for (size_t k = 0; k < count; k++) /* what a rank adds up itself */
        if (type == UNIC_COMM_FLOAT32)
            ((float *)data)[k] *= (float)w->ranks;
        else if (type == UNIC_COMM_FLOAT64)
            ((double *)data)[k] *= (double)w->ranks;
        else
            ((int64_t *)data)[k] *= (int64_t)w->ranks;
    *request = &w->event[i];
    return 0;
}

static int sum_wait(void *request, void *user)
{
    world *w = user;
    const size_t sum = (size_t)((event *)request - w->event);
    note(w, WAIT, 0, sum);
    if (w->sleep_gbits > 0.0)
        sleep_until(w, w->done[sum]);
    return 0;
}

static int gather(const void *data, size_t bytes, void *all, void *user)
{
    world *w = user;
    note(w, GATHER, bytes, 0);
    if (w->sleep_gbits > 0.0)
        sleep_until(w, through(w, GATHER, bytes));
    for (size_t r = 0; r < w->ranks; r++)
        memcpy((char *)all + r * bytes, data, bytes);
    return 0;
}

/* ---- training ---- */

static unic_config *config_of(size_t clips, char **settings)
{
    unic_config *config;
    char batch[32];
    snprintf(batch, sizeof batch, "%zu", clips);
    check(unic_config_create(&config));
    for (; *settings; settings++) {
        char *value = strchr(*settings, '=');
        if (!value) {
            fprintf(stderr, "links: %s: KEY=VALUE expected\n", *settings);
            exit(1);
        }
        *value = '\0';
        check(unic_config_set(config, *settings, value + 1));
        *value = '=';
    }
    check(unic_config_set(config, "train.batch", batch));
    check(unic_config_set(config, "reset.rule", "off")); /* nobody brings other rows */
    return config;
}

static unic_trainer *trainer_of(world *w, unic_config *config)
{
    const unic_comm comm = {.struct_size = sizeof comm,
                            .size = (int32_t)w->ranks,
                            .check_steps = -1,
                            .sum_start = sum_start,
                            .sum_wait = sum_wait,
                            .gather = gather,
                            .user = w};
    const unic_trainer_options options = {
        .struct_size = sizeof options, .threads = 1, .comm = w->ranks > 1 ? &comm : NULL};
    unic_trainer *t;
    check(unic_trainer_create(&t, config, &options));
    return t;
}

static unic_batch *batch_of(const unic_config *config, size_t clips)
{
    unic_batch *batch;
    check(unic_batch_create(&batch));
    for (size_t m = 0; m < config->modality_count; m++) {
        const unic__modality *of = &config->modality[m];
        int64_t dims[UNIC_MAX_RANK] = {(int64_t)clips, (int64_t)config->length};
        size_t count = clips * config->length;
        for (size_t i = 0; i < of->dims.rank; i++) {
            dims[2 + i] = (int64_t)of->dims.dim[i];
            count *= of->dims.dim[i];
        }
        float *x = malloc(count * sizeof *x);
        for (size_t i = 0; i < count; i++)
            x[i] = (float)rand() / (float)RAND_MAX - 0.5F;
        unic_array array;
        unic_array_init(&array, x, UNIC_F32, 2 + (int)of->dims.rank, dims);
        check(unic_batch_set(batch, of->name, &array, NULL)); /* x stays to the end */
    }
    return batch;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_size);
    return x[n / 2];
}

/* Bytes that are summed up where the rank waits at once, and while it goes on; and gathered. */
static void print_bytes(const world *w)
{
    size_t waited = 0, under_way = 0, gathered = 0, sums = 0, gathers = 0;
    for (size_t i = 0; i < w->count; i++) {
        const event *e = &w->event[i];
        const bool at_once = i + 1 < w->count && w->event[i + 1].kind == WAIT;
        *(e->kind == GATHER ? &gathered : at_once ? &waited : &under_way) += e->bytes;
        sums += e->kind == SUM;
        gathers += e->kind == GATHER;
    }
    printf("  summed: %.1f MB under way, %.1f MB waited for, in %zu sums; gathered: %.3f MB in "
           "%zu "
           "calls\n",
           1e-6 * (double)under_way, 1e-6 * (double)waited, sums, 1e-6 * (double)gathered,
           gathers);
}

static void take_steps(world *w, unic_trainer *t, const unic_batch *batch, size_t steps)
{
    double computing[MOST_STEPS], played[SPEEDS][MOST_STEPS];
    for (size_t i = 0; i <= steps; i++) { /* the first starts the codebook */
        w->count = 0;
        w->begun = now(w);
        check(unic_trainer_step(t, batch, NULL, NULL));
        const double end = now(w) - w->begun;
        for (size_t k = 0; k < SPEEDS && i > 0; k++)
            played[k][i - 1] = play(w, end, gbits[k]);
        if (i > 0)
            computing[i - 1] = end;
    }
    if (w->ranks > 1)
        print_bytes(w);
    printf("  %s %.4f s", w->sleep_gbits > 0.0 ? "a step takes" : "computing",
           median(computing, steps));
    for (size_t k = 0; k < SPEEDS && w->ranks > 1 && w->sleep_gbits == 0.0; k++)
        printf(", %g Gbit/s %.4f", gbits[k], median(played[k], steps));
    printf("\n");
}

int main(int argc, char **argv)
{
    static world w;
    if (argc < 5 || atoi(argv[1]) < 1 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1 ||
        atoi(argv[3]) > MOST_STEPS) {
        fprintf(stderr, "links CLIPS_A_RANK RANKS STEPS SLEEP_GBITS KEY=VALUE...\n");
        return 1;
    }
    const size_t clips = (size_t)atoi(argv[1]);
    w.ranks = (size_t)atoi(argv[2]);
    w.sleep_gbits = atof(argv[4]);
    unic_config *config = config_of(clips * w.ranks, argv + 5);
    unic_trainer *t = trainer_of(&w, config);
    printf("%zu ranks, %zu clips each\n", w.ranks, clips);
    unic_batch *batch = batch_of(config, clips);
    take_steps(&w, t, batch, (size_t)atoi(argv[3]));
    unic_batch_free(batch);
    unic_trainer_free(t);
    unic_config_free(config);
    return 0;
}
