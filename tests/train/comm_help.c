#include "comm_help.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"

const char *comm_config(void)
{
    static char text[64];
    const char *preset = getenv("COMM_PRESET");
    if (!preset)
        return COMM_CONFIG;
    snprintf(text, sizeof text, "preset = %s\n", preset);
    return text;
}

size_t comm_clips(void)
{
    const char *clips = getenv("COMM_CLIPS");
    const size_t n = clips ? strtoull(clips, NULL, 10) : COMM_CLIPS;
    ck_assert(n > 0 && n <= COMM_CLIPS);
    return n;
}

uint64_t comm_steps(uint64_t usual)
{
    const char *steps = getenv("COMM_STEPS");
    return steps ? strtoull(steps, NULL, 10) : usual;
}

unic_trainer *comm_trainer(const char *more, const unic_comm *comm)
{
    char text[1024];
    unic_trainer *t;
    const bool says = strstr(more, "encoder.dropout");
    snprintf(text, sizeof text, COMM_EVERYTHING "%s%s", says ? "" : "encoder.dropout = 0.1\n",
             more);
    unic_config *config = small_config(comm_config(), text);
    /* at the paper's dims more of CLUB's gradients are mere rounding (comm_help.h) */
    snprintf(text, sizeof text, "train.batch = %zu\n%s", comm_clips(),
             getenv("COMM_PRESET") ? "club.lr = 1e-6\n" : "");
    io_assert_ok(unic_config_parse(config, text, NULL));
    const unic_trainer_options o = {.struct_size = sizeof o, .threads = 1, .comm = comm};
    io_assert_ok(unic_trainer_create(&t, config, &o));
    unic_config_free(config);
    return t;
}

comm_fixture *comm_new(size_t ranks, const char *more)
{
    comm_fixture *f = calloc(1, sizeof *f);
    ck_assert(f != NULL);
    f->world = thread_world_new(ranks);
    f->one = comm_trainer(more, NULL);
    for (size_t r = 0; r < ranks; r++) {
        f->comm[r] = thread_comm(f->world, r);
        f->of[r] = comm_trainer(more, &f->comm[r]);
    }
    return f;
}

void comm_free(comm_fixture *f)
{
    unic_trainer_free(f->one);
    for (size_t r = 0; r < f->world->size; r++)
        unic_trainer_free(f->of[r]);
    thread_world_free(f->world);
    free(f);
}

/* ---- batches ---- */

small_batch *comm_ragged(size_t clips, uint64_t step)
{
    small_batch *b = small_batch_new(comm_config(), clips, COMM_LENGTH, 500 + step);
    for (size_t m = 0; m < b->n; m++)
        for (size_t i = 0; i < clips; i++) {
            const size_t n = (step + i * 7 + m * 3) % 12;
            b->lengths[m][i] = i == 5 ? 0 : n > COMM_LENGTH ? COMM_LENGTH : (int32_t)n;
        }
    return b;
}

/* Rank r's clips; it is empty if there are none. */
static void cut(comm_part *p, const small_batch *b, size_t from, size_t to)
{
    io_assert_ok(unic_batch_create(&p->batch));
    for (size_t m = 0; m < b->n && from < to; m++) {
        p->array[m] = b->array[m];
        p->array[m].data = b->x[m] + from * b->length * b->step[m];
        p->array[m].dims[0] = (int64_t)(to - from);
        io_assert_ok(unic_batch_set(p->batch, b->name[m], &p->array[m], b->lengths[m] + from));
    }
}

void comm_cut(comm_fixture *f, small_batch *b)
{
    const size_t ranks = f->world->size, each = (comm_clips() + ranks - 1) / ranks;
    f->whole = b;
    for (size_t r = 0; r < ranks; r++) {
        const size_t from = r * each, end = from + each;
        cut(&f->part[r], b, from < b->clips ? from : b->clips, end < b->clips ? end : b->clips);
    }
}

void comm_uncut(comm_fixture *f)
{
    for (size_t r = 0; r < f->world->size; r++)
        unic_batch_free(f->part[r].batch);
    small_batch_free(f->whole);
}

/* ---- steps ---- */

static unic_status step_of(void *context, size_t r)
{
    comm_fixture *f = context;
    unic_status status = f->evaluates
                             ? unic_trainer_evaluate(f->of[r], f->part[r].batch, f->figures[r])
                             : unic_trainer_step(f->of[r], f->part[r].batch, f->draws,
                                                 f->figures[r]);
    snprintf(f->message[r], sizeof f->message[r], "%s", unic_last_error());
    return status;
}

void comm_step(comm_fixture *f)
{
    thread_run(f->world, step_of, f, f->status);
}

void comm_step_ok(comm_fixture *f)
{
    comm_step(f);
    for (size_t r = 0; r < f->world->size; r++)
        ck_assert_msg(f->status[r] == UNIC_OK, "rank %zu: %s", r, f->message[r]);
}

static void copy_adam(unic__adam *to, const unic__adam *from)
{
    const size_t bytes = from->params->total * sizeof(float);
    memcpy(to->params->values, from->params->values, bytes);
    memcpy(to->m, from->m, bytes);
    memcpy(to->v, from->v, bytes);
    to->steps = from->steps;
}

static void copy_past(unic__training_graph *to, const unic__training_graph *from)
{
    memcpy(to->teacher.values, from->teacher.values, from->teacher.total * sizeof(float));
    for (size_t m = 0; m < from->n; m++) {
        const unic__memory_queue *q = &from->queue[m];
        if (q->capacity > 0)
            memcpy(to->queue[m].rows, q->rows, q->capacity * q->dim * sizeof *q->rows);
        to->queue[m].next = q->next;
    }
}

void comm_copy_state(unic_trainer *to, const unic_trainer *from)
{
    copy_past(&to->graph, &from->graph);
    copy_adam(&to->adam, &from->adam);
    copy_adam(&to->club_adam, &from->club_adam);
    unic__codebook_assign_state(to->codebook, from->codebook);
    for (size_t m = 0; m < from->graph.n && from->segment[m]; m++)
        unic__codebook_assign_state(to->segment[m], from->segment[m]);
    if (from->level2)
        unic__codebook_assign_state(to->level2, from->level2);
    to->steps = from->steps;
    to->total_steps = from->total_steps;
    to->started = from->started;
}

/* ---- comparisons ---- */

static double worst_part;

double comm_worst(void)
{
    return worst_part;
}

static void within(const char *what, const char *name, const float *got, const float *want,
                   size_t n, double floor)
{
    double largest = floor, worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double size = fabs((double)want[i]), off = fabs((double)got[i] - (double)want[i]);
        largest = size > largest ? size : largest; /* gcc 12 for aarch64 fails on fmax() here */
        worst = isnan(off) || off > worst ? off : worst;
    }
    if (largest > 0.0 && worst > worst_part * 1e-5 * largest)
        worst_part = worst / (1e-5 * largest);
    ck_assert_msg(worst <= 1e-5 * largest, "%s of %s: off by %g of %g", what, name, worst,
                  largest);
}

static double largest_of(const float *x, size_t n)
{
    double largest = 0.0;
    for (size_t i = 0; i < n; i++)
        if (fabs((double)x[i]) > largest)
            largest = fabs((double)x[i]);
    return largest;
}

void comm_compare_tables(const char *what, const unic__param_table *got,
                         const unic__param_table *want, bool gradients)
{
    const float *a = gradients ? got->grads : got->values;
    const float *b = gradients ? want->grads : want->values;
    const double floor = 0.3 * largest_of(b, want->total);
    for (size_t i = 0; i < want->n; i++) {
        const unic__param *p = want->at[i];
        within(what, p->name, a + p->offset, b + p->offset, p->count, floor);
    }
}

static void compare_codebooks(const char *of, const unic_codebook *got,
                              const unic_codebook *want)
{
    const size_t cells = want->codes * want->dim;
    ck_assert_mem_eq(got->idle, want->idle, want->codes * want->modalities * sizeof(int32_t));
    within("count", of, got->count, want->count, want->codes, 0.0);
    within("sum", of, got->sum, want->sum, cells, 0.0);
    within("embedding", of, got->embedding, want->embedding, cells, 0.0);
}

void comm_compare_codebooks(const unic_trainer *got, const unic_trainer *want)
{
    compare_codebooks("the codebook", got->codebook, want->codebook);
    for (size_t m = 0; m < want->graph.n && want->segment[m]; m++)
        compare_codebooks("a segment", got->segment[m], want->segment[m]);
    if (want->level2)
        compare_codebooks("the second level", got->level2, want->level2);
}

void comm_compare_pasts(const unic__training_graph *got, const unic__training_graph *want)
{
    comm_compare_tables("teacher's value", &got->teacher, &want->teacher, false);
    for (size_t m = 0; m < want->n; m++) {
        const unic__memory_queue *q = &want->queue[m];
        ck_assert_uint_eq(got->queue[m].next, q->next);
        within("queue", want->config->modality[m].name, got->queue[m].rows, q->rows,
               q->capacity * q->dim, 0.0);
    }
}

void comm_compare_figures(const comm_fixture *f, size_t r, const double *want)
{
    for (size_t i = 0; i < unic_trainer_figure_count(f->one); i++) {
        const double got = f->figures[r][i];
        ck_assert_msg(fabs(got - want[i]) <= 1e-5 * fmax(fabs(want[i]), 1.0),
                      "step %llu, rank %zu: %s is %.9g, not %.9g",
                      (unsigned long long)f->one->steps, r, unic_trainer_figure_name(f->one, i),
                      got, want[i]);
    }
}

void comm_compare_states(const comm_fixture *f)
{
    for (size_t r = 1; r < f->world->size; r++) {
        small_state a = small_state_of(f->of[0]), b = small_state_of(f->of[r]);
        ck_assert_msg(small_states_equal(&a, &b), "rank %zu has another state", r);
    }
}

void comm_compare_codes(const comm_fixture *f)
{
    const unic_trainer *one = f->one, *of = f->of[0];
    const size_t steps = one->graph.batch * COMM_LENGTH;
    for (size_t m = 0; m < one->graph.n; m++) {
        const size_t from = m * unic__all_steps(of);
        ck_assert_mem_eq(of->codes + from, one->codes + m * steps, steps * sizeof *one->codes);
        if (one->level2)
            ck_assert_mem_eq(of->level2_codes + from, one->level2_codes + m * steps,
                             steps * sizeof *one->level2_codes);
    }
}
