#include "loss_help.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/npz.h"
#include "array/npz_help.h"
#include "base/base_help.h"
#include "graph/graph_help.h"

#define GOLDENS "tests/golden/losses.npz"
/* Where a case is that is not there. */
static const char *const others[] = {"tests/golden/methods.npz", "tests/golden/successors.npz"};

/* ---- the file ---- */

static void *must(void *memory)
{
    ck_assert_msg(memory != NULL, "out of memory");
    return memory;
}

static float *read_values(unic__npz *z, const char *name, const char *part, size_t *count)
{
    char member[128];
    unic__npy_info info;
    snprintf(member, sizeof member, "%s/%s", name, part);
    base_assert_ok(unic__npz_info(z, member, &info));
    *count = unic__shape_count(&info.shape);
    float *values = must(malloc((*count + 1) * sizeof *values));
    base_assert_ok(unic__npz_read_f32(z, member, values, *count));
    return values;
}

static char *read_text(unic__npz *z, const char *name, const char *part)
{
    size_t count;
    float *bytes = read_values(z, name, part, &count);
    char *text = must(malloc(count + 1));
    for (size_t i = 0; i < count; i++)
        text[i] = (char)bytes[i];
    text[count] = '\0';
    free(bytes);
    return text;
}

/* A line `name dim dim ...`; what follows it. */
static char *read_line(golden_array *a, char *line)
{
    char *end = strchr(line, '\n');
    *end = '\0';
    char *space = strchr(line, ' ');
    *a = (golden_array){.name = line, .count = 1};
    while (space) {
        *space = '\0';
        size_t dim = strtoul(space + 1, &space, 10);
        a->shape.dim[a->shape.rank++] = dim;
        a->count *= dim;
        space = *space ? space : NULL;
    }
    return end + 1;
}

static double largest(const golden_array *a)
{
    double largest = 0.0;
    for (size_t i = 0; i < a->count; i++) {
        double x = fabs((double)a->x[i]);
        if (x > largest) /* gcc 12 for aarch64 fails on fmax() here */
            largest = x;
    }
    return largest;
}

void golden_open(golden *k, const char *name)
{
    unic__npz *z;
    size_t count, at = 0;
    *k = (golden){.name = name};
    char member[128];
    snprintf(member, sizeof member, "%s/config", name);
    base_assert_ok(npz_open(&z, GOLDENS));
    for (size_t i = 0; i < 2 && !unic__npz_has(z, member); i++) {
        unic__npz_close(z);
        base_assert_ok(npz_open(&z, others[i]));
    }
    k->config = read_text(z, name, "config");
    k->index = read_text(z, name, "index");
    k->values = read_values(z, name, "values", &count);
    unic__npz_close(z);
    for (char *line = k->index; *line; at += k->at[k->n++].count) {
        ck_assert_uint_lt(k->n, GOLDEN_MOST);
        line = read_line(&k->at[k->n], line);
        k->at[k->n].x = k->values + at;
    }
    ck_assert_uint_eq(at, count);
    for (size_t i = 0; i < k->n; i++)
        if (strncmp(k->at[i].name, "grad/", 5) == 0 && largest(&k->at[i]) > k->gradient)
            k->gradient = largest(&k->at[i]);
}

void golden_close(golden *k)
{
    free(k->config);
    free(k->index);
    free(k->values);
}

static const golden_array *find(const golden *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->at[i].name, name) == 0)
            return &k->at[i];
    return NULL;
}

const golden_array *golden_find(const golden *k, const char *format, ...)
{
    char name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return find(k, name);
}

const golden_array *golden_get(const golden *k, const unic__shape *shape, const char *format,
                               ...)
{
    char name[128], a[UNIC__SHAPE_TEXT], b[UNIC__SHAPE_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    const golden_array *found = find(k, name);
    base_require(found, "%s: there is no %s/%s", GOLDENS, k->name, name);
    base_require(unic__shape_equal(&found->shape, shape), "%s: %s/%s is %s, expected %s",
                 GOLDENS, k->name, name, unic__shape_print(&found->shape, a),
                 unic__shape_print(shape, b));
    return found;
}

void golden_within(const golden *k, const golden_array *want, const float *got, double allowed)
{
    for (size_t i = 0; i < want->count; i++)
        base_require(fabs((double)got[i] - (double)want->x[i]) <= allowed,
                     "%s: %s: element %zu is %.9g, expected %.9g (within %.3g)", k->name,
                     want->name, i, (double)got[i], (double)want->x[i], allowed);
}

void golden_compare(const golden *k, const golden_array *want, const float *got,
                    double relative)
{
    golden_within(k, want, got, relative * largest(want));
}

void golden_compare_gradient(const golden *k, const unic__shape *shape, const char *name,
                             const float *got, double relative)
{
    const golden_array *want = golden_get(k, shape, "grad/%s", name);
    golden_within(k, want, got, fmax(relative * largest(want), 1e-6 * k->gradient));
}

unic_config *golden_config(const golden *k)
{
    unic_config *c;
    base_assert_ok(unic__config_create(&c));
    base_assert_ok(unic__config_parse(c, k->config, strlen(k->config), k->name));
    base_assert_ok(unic__config_check(c));
    unic__config_resolve(c);
    return c;
}

size_t golden_load(const golden *k, unic__param_table *params)
{
    for (size_t i = 0; i < params->n; i++) {
        const unic__param *p = params->at[i];
        const golden_array *value = golden_get(k, &p->shape, "param/%s", p->name);
        memcpy(params->values + p->offset, value->x, p->count * sizeof(float));
    }
    return params->n;
}

void golden_lengths(const golden *k, loss_lengths lengths)
{
    const golden_array *a = golden_find(k, "lengths");
    ck_assert(a && a->shape.rank == 2 && a->shape.dim[1] <= CLIPS);
    for (size_t m = 0; m < a->shape.dim[0]; m++)
        for (size_t b = 0; b < a->shape.dim[1]; b++)
            lengths[m][b] = (int32_t)a->x[m * a->shape.dim[1] + b];
}

/* ---- what the trainer fills in ---- */

/* Clips of a pair that have more than `reach` steps in both; none if it is one alone. */
static void fill_pair(unic__node *target, unic__node *valid, const int32_t *a, const int32_t *b,
                      size_t batch, int32_t reach)
{
    size_t n = 0;
    for (size_t i = 0; i < batch; i++)
        n += a[i] > reach && b[i] > reach;
    for (size_t i = 0; i < batch; i++) {
        bool counts = n > 1 && a[i] > reach && b[i] > reach;
        target->t.ix[i] = counts ? (int32_t)i : -1;
        valid->t.x[i] = counts ? 1.0F : 0.0F;
    }
}

static void fill_cpc(const loss_inputs *in, const unic_config *c, int32_t t,
                     loss_lengths lengths)
{
    size_t shift, horizon = unic__cpc_horizon(c, in->length, &shift);
    const int32_t reach = t + (shift ? (int32_t)horizon : 0);
    for (size_t b = 0; b < in->batch; b++) {
        in->cpc->context->t.ix[b] = (int32_t)(b * in->length) + t;
        for (size_t k = 0; k < horizon; k++)
            in->cpc->future[k]->t.ix[b] = (int32_t)(b * in->length + (shift ? k + 1 : 0)) + t;
    }
    for (size_t i = 0; i < in->n; i++)
        for (size_t j = i; j < in->n; j++)
            fill_pair(in->cpc->target[i][j], in->cpc->valid[i][j], lengths[i], lengths[j],
                      in->batch, reach);
}

static void fill_match(const loss_inputs *in, loss_lengths lengths)
{
    for (size_t i = 0; i < in->n; i++)
        for (size_t j = i; j < in->n; j++)
            fill_pair(in->match->target[i][j], in->match->valid[i][j], lengths[i], lengths[j],
                      in->batch, 0);
    for (size_t i = 0; in->match->identity && i < in->batch * in->batch; i++)
        in->match->identity->t.x[i] = i % (in->batch + 1) == 0 ? 1.0F : 0.0F;
}

void loss_fill(const loss_inputs *in, const unic_config *c, const golden *k,
               loss_lengths lengths)
{
    const golden_array *t = golden_find(k, "t"), *permutation = golden_find(k, "permutation");
    for (size_t m = 0; m < in->n; m++) {
        for (size_t i = 0; i < in->batch * in->length; i++)
            in->stream[m].mask->t.x[i] = (int32_t)(i % in->length) < lengths[m][i / in->length]
                                             ? 1.0F
                                             : 0.0F;
        memcpy(in->stream[m].lengths->t.ix, lengths[m], in->batch * sizeof lengths[m][0]);
        for (size_t b = 0; in->permutation[m] && b < in->batch; b++)
            in->permutation[m]->t.ix[b] = (int32_t)permutation->x[m * in->batch + b];
    }
    if (in->cpc->context)
        fill_cpc(in, c, t ? (int32_t)t->x[0] : 0, lengths);
    if (in->match->target[0][0])
        fill_match(in, lengths);
}

/* ---- one term ---- */

/* A leaf of the file, NULL if the case has none of that name. */
static unic__node *add_leaf(loss_case *k, size_t m, const char *name)
{
    const golden_array *a = golden_find(&k->golden, "%s.%s", k->c->modality[m].name, name);
    if (!a)
        return NULL;
    loss_leaf *leaf = &k->leaf[k->leaf_count++];
    bool trained = golden_find(&k->golden, "grad/%s", a->name) != NULL;
    *leaf = (loss_leaf){m, a->count / (k->batch * k->length), a->count, a, NULL, NULL};
    leaf->x = must(malloc(a->count * sizeof(float)));
    leaf->dx = trained ? must(calloc(a->count, sizeof(float))) : NULL;
    memcpy(leaf->x, a->x, a->count * sizeof(float));
    return unic__external(&k->g, a->shape, leaf->x, leaf->dx);
}

static void add_stream(loss_case *k, size_t m)
{
    unic__graph *g = &k->g;
    unic__stream *s = &k->stream[m];
    s->m = &k->c->modality[m];
    s->mask = unic__input(g, UNIC__SHAPE_OF(k->batch, k->length), UNIC__F32);
    s->lengths = unic__input(g, UNIC__SHAPE_OF(k->batch), UNIC__I32);
    s->x = add_leaf(k, m, "x");
    s->z = s->coded = add_leaf(k, m, "z");
    s->y = add_leaf(k, m, "y");
    s->front = add_leaf(k, m, "front");
    s->zbar = add_leaf(k, m, "zbar");
    const unic__shape codes = UNIC__SHAPE_OF(k->c->code_count, k->c->code_dim);
    const golden_array *embedding = golden_get(&k->golden, &codes, "embedding");
    float *values = unic__arena_alloc(&g->arena, embedding->count * sizeof *values);
    memcpy(must(values), embedding->x, embedding->count * sizeof *values);
    unic__node *e = unic__external(g, codes, values, NULL);
    s->distance = unic__sq_distance(g, s->z, e);
    s->codes = unic__argmin(g, s->distance, 2);
    s->e = unic__gather(g, e, s->codes);
    s->quantized = unic__straight_through(g, s->z, s->e);
}

static void add_pairs(loss_case *k, unic__node *target[][UNIC_MAX_MODALITIES],
                      unic__node *valid[][UNIC_MAX_MODALITIES])
{
    for (size_t i = 0; i < k->n; i++)
        for (size_t j = i; j < k->n; j++) {
            target[i][j] = target[j][i] = unic__input(&k->g, UNIC__SHAPE_OF(k->batch),
                                                      UNIC__I32);
            valid[i][j] = valid[j][i] = unic__input(&k->g, UNIC__SHAPE_OF(k->batch), UNIC__F32);
        }
}

static void add_inputs(loss_case *k)
{
    size_t shift, horizon = unic__cpc_horizon(k->c, k->length, &shift);
    k->cpc.context = unic__input(&k->g, UNIC__SHAPE_OF(k->batch), UNIC__I32);
    for (size_t i = 0; i < horizon; i++)
        k->cpc.future[i] = unic__input(&k->g, UNIC__SHAPE_OF(k->batch), UNIC__I32);
    add_pairs(k, k->cpc.target, k->cpc.valid);
    add_pairs(k, k->match.target, k->match.valid);
    k->match.identity = unic__input(&k->g, UNIC__SHAPE_OF(k->batch, k->batch), UNIC__F32);
    for (size_t m = 0; golden_find(&k->golden, "permutation") && m < k->n; m++)
        k->permutation[m] = unic__input(&k->g, UNIC__SHAPE_OF(k->batch), UNIC__I32);
}

void loss_out(loss_case *k, unic__node *node)
{
    k->out[k->output_count++] = node;
    if (node->t.shape.rank == 0)
        unic__loss(node, (double)k->output_count);
    else
        unic__keep(node);
}

void loss_term_out(loss_case *k, const unic__term_kind *kind)
{
    k->kind = kind;
    k->objective = (unic__objective){
        .config = k->c, .n = k->n, .batch = k->batch, .length = k->length, .stream = k->stream};
    if (kind->inputs_bytes > 0) {
        k->inputs = must(unic__arena_alloc(&k->g.arena, kind->inputs_bytes));
        memset(k->inputs, 0, kind->inputs_bytes);
        kind->inputs(&k->objective, &k->g, k->inputs);
    }
    for (size_t m = 0; m < (kind->each ? k->n : 1); m++)
        loss_out(k, kind->build(&k->objective, &k->g, k->inputs, m));
}

void loss_fill_masked(unic__restore_inputs *in, const golden *k, size_t n,
                      const unic__stream *streams)
{
    const golden_array *masked = golden_find(k, "masked");
    for (size_t m = 0, at = 0; masked && m < n; m++)
        for (size_t i = 0; i < masked->count / n; i++, at++)
            in->masked[m]->t.x[i] = masked->x[at] * streams[m].mask->t.x[i];
}

void loss_fill_kept(unic__masked_inputs *in, const golden *k)
{
    const golden_array *kept = golden_find(k, "kept");
    if (kept)
        memcpy(in->keep->t.x, kept->x, kept->count * sizeof(float));
}

void loss_fill_chosen(const unic__objective *o, unic__jigsaw_inputs *in, const golden *k)
{
    const golden_array *chosen = golden_find(k, "chosen");
    size_t modality[UNIC__MOST_JIGSAW_PARTS] = {0};
    for (size_t s = 0; chosen && s < chosen->count; s++)
        modality[s] = (size_t)chosen->x[s];
    if (chosen)
        unic__jigsaw_choose(o, in, modality);
}

void loss_set_lengths(loss_case *k, loss_lengths lengths)
{
    const loss_inputs in = {k->n,    k->batch,  k->length,     k->stream,
                            &k->cpc, &k->match, k->permutation};
    memcpy(k->lengths, lengths, sizeof k->lengths);
    loss_fill(&in, k->c, &k->golden, k->lengths);
    if (k->kind && k->kind->fill)
        base_assert_ok(k->kind->fill(&k->objective, k->inputs, &(unic__draw){.step = 0}));
    if (k->kind == &unic__term_restore)
        loss_fill_masked(k->inputs, &k->golden, k->n, k->stream);
    if (k->kind == &unic__term_masked)
        loss_fill_kept(k->inputs, &k->golden);
    if (k->kind == &unic__term_jigsaw)
        loss_fill_chosen(&k->objective, k->inputs, &k->golden);
}

void loss_open(loss_case *k, const char *name, loss_term term)
{
    loss_lengths lengths = {{0}};
    *k = (loss_case){.output_count = 0};
    golden_open(&k->golden, name);
    k->c = golden_config(&k->golden);
    k->n = k->c->modality_count;
    k->batch = k->c->batch;
    k->length = k->c->length;
    unic__graph_init(&k->g, &k->params, false);
    for (size_t m = 0; m < k->n; m++)
        add_stream(k, m);
    add_inputs(k);
    term(k);
    graph_ready(&k->g, 1);
    golden_load(&k->golden, &k->params);
    golden_lengths(&k->golden, lengths);
    loss_set_lengths(k, lengths);
}

void loss_close(loss_case *k)
{
    for (size_t i = 0; i < k->leaf_count; i++) {
        free(k->leaf[i].x);
        free(k->leaf[i].dx);
    }
    unic__graph_free(&k->g);
    unic__param_table_free(&k->params);
    unic__config_free(k->c);
    golden_close(&k->golden);
}

void loss_spoil(loss_case *k, float scale)
{
    for (size_t i = 0; i < k->leaf_count; i++) {
        const loss_leaf *leaf = &k->leaf[i];
        const unic__key key = unic__random_key(1, i, leaf->count);
        for (size_t j = 0; j < leaf->count; j++) {
            size_t row = j / leaf->step;
            if ((int32_t)(row % k->length) >= k->lengths[leaf->m][row / k->length])
                leaf->x[j] = scale * (unic__random_uniform(key, j) - 0.5F);
        }
    }
}

void loss_run(loss_case *k)
{
    for (size_t i = 0; i < k->leaf_count; i++)
        if (k->leaf[i].dx)
            memset(k->leaf[i].dx, 0, k->leaf[i].count * sizeof(float));
    graph_forward(&k->g);
    graph_backward(&k->g);
}
