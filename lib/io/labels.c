/* Labels of a dataset, in the files' order. */
#include <string.h>

#include "io/dataset.h"

static const char step_suffix[] = ".step_labels";

static bool is_of_steps(const char *name)
{
    size_t size = strlen(name), tail = sizeof step_suffix - 1;
    return size > tail && strcmp(name + size - tail, step_suffix) == 0;
}

/* [N,...] or, of steps, [N,T,...] with the shard's N and T; `rest` is what comes behind. */
static unic_status shard_shape(unic__shard *s, const char *name, size_t lead, unic__shape *rest)
{
    unic__npy_info info;
    char here[UNIC__SHAPE_TEXT], wanted[UNIC__SHAPE_TEXT];
    UNIC__TRY(unic__npz_info(s->npz, name, &info));
    const unic__shape *shape = &info.shape;
    unic__shape expected = {lead, {s->clips, s->length}};
    if (shape->rank < lead || shape->rank > lead + 1 || shape->dim[0] != s->clips ||
        (lead == 2 && shape->dim[1] != s->length))
        return unic__fail(UNIC_E_SHAPE, "%s: \"%s\" is %s, %s expected, or one dim more",
                          unic__npz_path(s->npz), name, unic__shape_print(shape, here),
                          unic__shape_print(&expected, wanted));
    rest->rank = shape->rank - lead;
    memcpy(rest->dim, shape->dim + lead, rest->rank * sizeof rest->dim[0]);
    return UNIC_OK;
}

/* What the shards' labels have in common behind [N] or [N,T]. */
static unic_status common_shape(unic_dataset *d, const char *name, size_t lead,
                                unic__shape *rest)
{
    UNIC__TRY(shard_shape(&d->shards[0], name, lead, rest));
    for (size_t i = 1; i < d->n_shards; i++) {
        unic__shape other;
        char here[UNIC__SHAPE_TEXT], there[UNIC__SHAPE_TEXT];
        UNIC__TRY(shard_shape(&d->shards[i], name, lead, &other));
        if (!unic__shape_equal(rest, &other))
            return unic__fail(UNIC_E_SHAPE, "%s: \"%s\" ends with %s, but with %s in %s",
                              unic__npz_path(d->shards[i].npz), name,
                              unic__shape_print(&other, here), unic__shape_print(rest, there),
                              unic__npz_path(d->shards[0].npz));
    }
    return UNIC_OK;
}

/* Moves rows of `have` labels, which stand close together, apart to `want`; -1 between them. */
static void spread_rows(int32_t *out, size_t rows, size_t have, size_t want)
{
    for (size_t row = rows; have < want && row-- > 0;) {
        memmove(out + row * want, out + row * have, have * sizeof *out);
        for (size_t i = have; i < want; i++)
            out[row * want + i] = -1;
    }
}

unic_status unic__dataset_labels(unic_dataset *d, const char *name, int64_t *dims, size_t *rank,
                                 int32_t *out)
{
    bool steps = is_of_steps(name);
    if (!steps && strcmp(name, "label") != 0)
        return unic__fail(UNIC_E_NOTFOUND,
                          "unic_dataset_labels: no labels \"%s\"; \"label\" or "
                          "\"<modality>%s\" expected",
                          name, step_suffix);
    if (d->prefetch) /* its thread reads the same files */
        unic__prefetch_stop(d->prefetch);
    unic__shape rest;
    size_t lead = steps ? 2 : 1;
    UNIC__TRY(common_shape(d, name, lead, &rest));
    dims[0] = (int64_t)d->clips;
    dims[lead - 1] = steps ? (int64_t)d->length : dims[0];
    for (size_t i = 0; i < rest.rank; i++)
        dims[lead + i] = (int64_t)rest.dim[i];
    *rank = lead + rest.rank;
    size_t each = unic__shape_count(&rest);
    for (size_t i = 0; out && i < d->n_shards; i++) {
        const unic__shard *s = &d->shards[i];
        size_t have = steps ? s->length * each : each, want = steps ? d->length * each : each;
        UNIC__TRY(unic__npz_read_i32(s->npz, name, out, s->clips * have));
        spread_rows(out, s->clips, have, want);
        out += s->clips * want;
    }
    return UNIC_OK;
}
