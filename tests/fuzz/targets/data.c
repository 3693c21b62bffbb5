/* Data sets: an archive, folders of arrays and of clips. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/harness/parcel.h"
#include "fuzz/targets/targets.h"

enum { MOST_LABELS = 1 << 16, MOST_BATCHES = 8 };

static void read_labels(unic_dataset *d, const char *name)
{
    size_t rank, n = 1;
    int64_t dims[UNIC_MAX_RANK];
    for (size_t i = 0; i <= unic_dataset_class_count(d, name); i++)
        FUZZ_CHECK((unic_dataset_class_name(d, name, i) == NULL) ==
                   (i == unic_dataset_class_count(d, name)));
    if (!fuzz_ok(unic_dataset_labels(&rank, d, name, dims, NULL)))
        return;
    for (size_t i = 0; i < rank; i++)
        n = n <= MOST_LABELS ? n * (size_t)dims[i] : n;
    if (n > MOST_LABELS)
        return;
    int32_t *labels = malloc((n + 1) * sizeof *labels);
    fuzz_ok(unic_dataset_labels(&rank, d, name, dims, labels));
    free(labels);
}

static void ask(unic_dataset *d)
{
    size_t n = unic_dataset_clip_count(d);
    read_labels(d, "label");
    for (size_t m = 0; m < unic_dataset_modality_count(d); m++) {
        const char *name = unic_dataset_modality_name(d, m);
        char text[96];
        size_t rank, count, has = 0;
        int64_t dims[UNIC_MAX_RANK];
        FUZZ_CHECK(fuzz_ok(unic_dataset_feature_dims(&rank, d, name, dims)));
        FUZZ_CHECK(fuzz_ok(unic_dataset_paired_count(&count, d, name, name)));
        for (size_t i = 0; i < n && n <= 256; i++)
            has += (size_t)unic_dataset_has(d, name, i);
        FUZZ_CHECK(n > 256 || has == count);
        if (n > 0)
            FUZZ_CHECK(fuzz_ok(unic_dataset_clip_name(d, name, n - 1, text, sizeof text)));
        strcpy(text, ".step_labels");
        if (strlen(name) < 64)
            read_labels(d, strcat(strcpy(text, name), ".step_labels"));
    }
}

static void check_batch(const unic_dataset *d, const unic_batch *batch)
{
    for (size_t m = 0; m < unic_dataset_modality_count(d); m++) {
        unic_array x;
        const int32_t *lengths;
        FUZZ_CHECK(
            fuzz_ok(unic_batch_get(&x, &lengths, batch, unic_dataset_modality_name(d, m))));
        FUZZ_CHECK(x.dims[0] == (int64_t)unic_batch_clip_count(batch));
        FUZZ_CHECK(x.dims[1] == (int64_t)unic_dataset_length(d));
        for (size_t i = 0; lengths && i < unic_batch_clip_count(batch); i++)
            FUZZ_CHECK(lengths[i] >= 0 && lengths[i] <= x.dims[1]);
    }
}

void fuzz_use_dataset(const char *path, const char *modality, unsigned flags)
{
    static const char *const repeated[] = {"u", "m"};
    const unic_dataset_options o = {.struct_size = sizeof o,
                                    .modalities = modality ? &modality : NULL,
                                    .modality_count = modality ? 1 : 0,
                                    .batch = 1 + (flags & 3),
                                    .seed = 1,
                                    .shuffle = flags >> 2 & 1,
                                    .drop_last = flags >> 3 & 1,
                                    .on_damage = flags >> 4 & 1,
                                    .length = flags >> 5 & 1 ? 2 : 0,
                                    .split = flags >> 6 & 1 ? "train" : NULL,
                                    .repeat_last = flags >> 7 & 1 ? repeated : NULL,
                                    .repeat_last_count = flags >> 7 & 1 ? 2 : 0,
                                    .prefetch = (flags & 0x33) == 0x31,
                                    .memory_limit = FUZZ_LIMIT};
    unic_dataset *d;
    fuzz_limit_begin();
    if (fuzz_made(unic_dataset_open(&d, &path, 1, &o), d)) {
        const unic_batch *batch;
        ask(d);
        for (size_t i = 0; i < MOST_BATCHES && fuzz_ok(unic_dataset_next(&batch, d)) && batch;
             i++)
            check_batch(d, batch);
        if (unic_dataset_batch_count(d) > 0)
            FUZZ_CHECK(fuzz_ok(unic_dataset_seek(d, 1, 0)));
        fuzz_ok(unic_dataset_next(&batch, d));
        unic_dataset_free(d);
    }
    fuzz_limit_end();
}

/* ---- dataset: the members of a parcel as an npz, or as files of a folder ---- */

/* A name that stays in the folder and is none of the library's temporary ones. */
static bool make_name(char *out, size_t room, const fuzz_member *m)
{
    size_t n = m->name_size < room ? m->name_size : room - 1;
    memcpy(out, m->name, n);
    out[n] = '\0';
    return *out && *out != '/' && !strstr(out, "..") && !strstr(out, ".tmp-");
}

static void write_folder(const unsigned char *data, size_t size)
{
    enum { FILES = 24 };
    static fuzz_member members[PARCEL_MEMBERS];
    size_t n = fuzz_parcel_members(members, data, size);
    for (size_t i = 0; i < n && i < FILES; i++) {
        char name[64] = "d/";
        fuzz_bytes b = {0};
        if (!make_name(name + 2, sizeof name - 2, &members[i]))
            continue;
        fuzz_member_contents(&b, &members[i]);
        fuzz_write(name, b.at, b.size);
        free(b.at);
    }
}

static void run_dataset(const unsigned char *data, size_t size)
{
    fuzz_in in = {data, data + size};
    unsigned flags = fuzz_byte(&in), folder = fuzz_byte(&in) & 1;
    size_t left = (size_t)(in.end - in.at);
    if (folder) {
        write_folder(in.at, left);
        fuzz_use_dataset(fuzz_path("d"), NULL, flags);
        return;
    }
    fuzz_bytes zip = fuzz_parcel_zip(in.at, left);
    fuzz_write("d.npz", zip.at, zip.size);
    free(zip.at);
    fuzz_use_dataset(fuzz_path("d.npz"), NULL, flags);
}

typedef struct seed_member {
    const char *name;
    unsigned type, rank, dims[4];
    const char *elements;
    size_t size;
} seed_member;

static void add_members(fuzz_seed_fn *add, unsigned flags, unsigned folder,
                        const seed_member *members, size_t n)
{
    fuzz_bytes seed = {0};
    fuzz_bytes_add(&seed, (const unsigned char[]){(unsigned char)flags, (unsigned char)folder},
                   2);
    for (size_t i = 0; i < n; i++) {
        unsigned char data[64] = {(unsigned char)members[i].type,
                                  (unsigned char)members[i].rank};
        size_t at = 2;
        for (unsigned k = 0; k < members[i].rank; k++, at += 2)
            data[at] = (unsigned char)members[i].dims[k];
        memcpy(data + at, members[i].elements, members[i].size);
        fuzz_parcel_add(&seed, &(fuzz_member){.name = (const unsigned char *)members[i].name,
                                              .name_size = strlen(members[i].name),
                                              .data = data,
                                              .size = at + members[i].size,
                                              .flags = PARCEL_ARRAY});
    }
    add(seed.at, seed.size);
    free(seed.at);
}

static void dataset_seeds(fuzz_seed_fn *add)
{
    static const char ones[] =
        "\0\0\x80\x3f\0\0\0\x40\0\0\x80\x3f\0\0\0\x40\0\0\x80\x3f\0\0\0\x40";
    static const char ints[] = "\1\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0";
    static const seed_member shard[] = {
        {"u.npy", 0, 3, {2, 3, 2}, ones, 24},          {"v.npy", 0, 3, {2, 3, 1}, ones, 24},
        {"v.lengths.npy", 2, 1, {2}, ints, 8},         {"label.npy", 2, 1, {2}, ints, 8},
        {"u.step_labels.npy", 2, 2, {2, 3}, ints, 24},
    };
    static const seed_member clips[] = {
        {"u/a.npy", 0, 2, {3, 2}, ones, 24},
        {"u/b.npy", 0, 2, {2, 2}, ones, 16},
        {"v/a.npy", 0, 2, {3, 1}, ones, 12},
        {"label.npy", 2, 1, {2}, ints, 8},
    };
    for (unsigned flags = 0; flags < 256; flags += 51) {
        add_members(add, flags, 0, shard, 5);
        add_members(add, flags, 1, shard, 5);
        add_members(add, flags, 1, clips, 4);
    }
}

const fuzz_target fuzz_dataset_target = {
    .name = "dataset",
    .reads = "data sets: npz, folders of arrays and of clips",
    .form = FUZZ_PARCEL,
    .largest = 2048,
    .prefix = 2,
    .run = run_dataset,
    .seeds = dataset_seeds};
