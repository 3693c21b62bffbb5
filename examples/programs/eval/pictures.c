#include "eval/pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"

static const char *const map_names[UNIC_SEGMENTER_MAX_LEVELS] = {"maps0", "maps1", "maps2",
                                                                 "maps3"};

static unic_status open_arrays(pictures *p, const cli_data *how)
{
    const unic_dataset_options options = {.struct_size = sizeof options,
                                          .modalities = p->names,
                                          .modality_count = p->images + 1,
                                          .batch = 1};
    return cli_data_try(&p->data, how, &p->path, 1, options);
}

/* Whether the file has an array of this name; what else is wrong shows when it is read. */
static bool has_array(const pictures *p, const cli_data *how, const char *name)
{
    unic_dataset *data = NULL;
    const unic_dataset_options options = {.struct_size = sizeof options,
                                          .modalities = &name,
                                          .modality_count = 1,
                                          .batch = 1,
                                          .length = 1};
    unic_status status = cli_data_try(&data, how, &p->path, 1, options);
    unic_dataset_free(data);
    return status != UNIC_E_NOTFOUND;
}

/* Maps without a gap, or frames. */
static bool find_images(pictures *p, const cli_data *how)
{
    while (p->images < UNIC_SEGMENTER_MAX_LEVELS && has_array(p, how, map_names[p->images])) {
        p->names[p->images] = map_names[p->images];
        p->images++;
    }
    for (size_t i = p->images + 1; i < UNIC_SEGMENTER_MAX_LEVELS; i++)
        if (has_array(p, how, map_names[i]))
            return cli_fail("%s: has %s, but no %s: maps0, maps1, ... without a gap are "
                            "expected, the finest first",
                            p->path, map_names[i], map_names[p->images]);
    p->maps = p->images > 0;
    if (!p->maps)
        p->names[p->images++] = "frames";
    p->names[p->images] = "masks";
    return true;
}

/* Frames are of the masks' size; maps of a quarter of it, and each next one of half. */
static bool check_sizes(const pictures *p)
{
    const int64_t *mask = p->dims[p->images];
    for (size_t i = 0; i < p->images; i++) {
        int64_t step = p->maps ? INT64_C(4) << i : 1;
        if (p->dims[i][1] != mask[1] / step || p->dims[i][2] != mask[2] / step)
            return cli_fail(
                "%s: masks are [N,F,%lld,%lld], which asks for %s [N,F,%lld,%lld,C], "
                "not [N,F,%lld,%lld,C]",
                p->path, (long long)mask[1], (long long)mask[2], p->names[i],
                (long long)(mask[1] / step), (long long)(mask[2] / step),
                (long long)p->dims[i][1], (long long)p->dims[i][2]);
    }
    return true;
}

static bool find_dims(pictures *p)
{
    for (size_t i = 0; i <= p->images; i++) {
        size_t rank, wanted = i < p->images ? 3 : 2;
        if (!cli_ok(unic_dataset_feature_dims(&rank, p->data, p->names[i], p->dims[i] + 1)))
            return false;
        if (rank != wanted)
            return cli_fail("%s: %s has %zu dims behind [N,F], expected %s", p->path,
                            p->names[i], rank, wanted == 3 ? "[H,W,C]" : "[H,W]");
        p->dims[i][0] = (int64_t)p->frames;
        p->rank[i] = rank + 1;
        p->each[i] = 1;
        for (size_t d = 1; d <= rank; d++)
            p->each[i] *= (size_t)p->dims[i][d];
        p->size[i] = p->frames * p->each[i];
    }
    p->pixels = p->each[p->images];
    return check_sizes(p);
}

bool pictures_read(pictures *p, size_t clip, size_t at)
{
    const unic_batch *batch;
    size_t frames = p->frames;
    if (!cli_ok(unic_dataset_seek(p->data, 0, clip)) ||
        !cli_ok(unic_dataset_next(&batch, p->data)))
        return false;
    for (size_t i = 0; i <= p->images; i++) {
        unic_array a = {.struct_size = sizeof a};
        const int32_t *lengths;
        if (!cli_ok(unic_batch_get(&a, &lengths, batch, p->names[i])))
            return false;
        memcpy(p->batch[i] + at * p->size[i], a.data, p->size[i] * sizeof *p->batch[i]);
        if (lengths && (size_t)lengths[0] < frames)
            frames = (size_t)lengths[0];
    }
    float *masks = p->batch[p->images] + at * p->size[p->images];
    for (size_t x = frames * p->pixels; x < p->frames * p->pixels; x++)
        masks[x] = -1.0F;
    return true;
}

bool pictures_used(const pictures *p, size_t clip)
{
    bool used = p->truth;
    for (size_t f = 0; f < p->frames && !used; f++)
        used = p->counts[clip * p->frames + f];
    return used;
}

/* Whether a frame has a mask to train with: a pixel that counts. */
static bool look_at_frame(pictures *p, size_t frame)
{
    const float *mask = p->batch[p->images] + frame % p->frames * p->pixels;
    for (size_t x = 0; x < p->pixels; x++) {
        const bool counts = mask[x] != -1.0F;
        if (counts && !(mask[x] >= 0.0F && mask[x] <= 1.0F))
            return cli_fail("%s: masks of clip %zu, frame %zu: a pixel is %g; a mask to train "
                            "with is 0 to 1, and -1 where a pixel does not count",
                            p->path, frame / p->frames, frame % p->frames, (double)mask[x]);
        p->counts[frame] = p->counts[frame] || counts;
    }
    return true;
}

/* To be scored, a mask is 0 and 1, or -1 throughout. */
static bool take_truth(pictures *p, size_t frame)
{
    const float *mask = p->batch[p->images] + frame % p->frames * p->pixels;
    p->counts[frame] = mask[0] != -1.0F;
    for (size_t x = 0; x < p->pixels; x++) {
        if (p->counts[frame] ? mask[x] != 0.0F && mask[x] != 1.0F : mask[x] != -1.0F)
            return cli_fail("%s: masks of clip %zu, frame %zu: a pixel is %g; a mask to test "
                            "with is 0 and 1, or -1 throughout",
                            p->path, frame / p->frames, frame % p->frames, (double)mask[x]);
        p->truth[frame * p->pixels + x] = mask[x] == 1.0F;
    }
    return true;
}

/* The images of the clip that was read last must be numbers, where they are to be looked at. */
static bool check_images(const pictures *p, size_t clip)
{
    for (size_t i = 0; i < p->images; i++)
        for (size_t frame = 0; frame < p->frames; frame++)
            for (size_t x = 0; x < p->each[i]; x++)
                if (!isfinite(p->batch[i][frame * p->each[i] + x]))
                    return cli_fail("%s: %s holds NaN or Inf in clip %zu, frame %zu; "
                                    "--skip-damaged goes on without the clip's images",
                                    p->path, p->names[i], clip, frame);
    return true;
}

static bool survey(pictures *p)
{
    for (size_t clip = 0; clip < p->clips; clip++) {
        if (!pictures_read(p, clip, 0))
            return false;
        for (size_t frame = clip * p->frames; frame < (clip + 1) * p->frames; frame++)
            if (!(p->truth ? take_truth(p, frame) : look_at_frame(p, frame)))
                return false;
        if (pictures_used(p, clip) && !check_images(p, clip))
            return false;
    }
    return true;
}

bool pictures_open(pictures *p, const cli_data *how, const char *path, size_t clips,
                   size_t room, bool test)
{
    *p = (pictures){.path = path};
    if (!find_images(p, how) || !cli_ok(open_arrays(p, how)))
        return false;
    p->clips = unic_dataset_clip_count(p->data);
    p->frames = unic_dataset_length(p->data);
    if (p->clips != clips)
        return cli_fail("%s: %zu clips have masks, but %zu have codes", path, p->clips, clips);
    if (p->frames == 0)
        return cli_fail("%s: its clips have no frame", path);
    if (!find_dims(p) || !(p->counts = cli_alloc(p->clips * p->frames, sizeof *p->counts)) ||
        (test && !(p->truth = cli_alloc(p->clips * p->frames, p->pixels))))
        return false;
    for (size_t i = 0; i <= p->images; i++)
        if (!(p->batch[i] = cli_alloc(room, p->size[i] * sizeof *p->batch[i])))
            return false;
    return survey(p);
}

void pictures_close(pictures *p)
{
    for (size_t i = 0; i < PICTURES_ARRAYS; i++)
        free(p->batch[i]);
    free(p->counts);
    free(p->truth);
    unic_dataset_free(p->data);
}

void pictures_describe(const pictures *p, size_t clips, unic_array *arrays)
{
    for (size_t i = 0; i <= p->images; i++) {
        int64_t dims[UNIC_MAX_RANK] = {(int64_t)clips};
        memcpy(dims + 1, p->dims[i], p->rank[i] * sizeof *dims);
        unic_array_init(&arrays[i], p->batch[i], UNIC_F32, (int)p->rank[i] + 1, dims);
    }
}
