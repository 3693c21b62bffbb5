/*
 * transfer MODEL CLIPS TAUGHT TESTED: a head learns the classes of clips (`label` [N]) from the
 * codes of the modality TAUGHT, and predicts them, untouched, from those of TESTED.
 */
#include <stdio.h>
#include <stdlib.h>

#include <unicode/unic.h>

enum { MOST = 1024, CLASSES = 10 }; /* clips; classes 0..9 */

static void check(unic_status status)
{
    if (status != UNIC_OK) {
        fprintf(stderr, "transfer: %s\n", unic_last_error());
        exit(1);
    }
}

/* The codes [N,T] of one modality of the batch. */
static int32_t *encode(unic_model *model, const unic_batch *batch, const char *modality,
                       size_t length)
{
    unic_encoder *encoder;
    unic_array features;
    const int32_t *lengths;
    size_t clips = unic_batch_clip_count(batch);
    int32_t *codes = calloc(clips * length, sizeof *codes);
    check(unic_batch_get(&features, &lengths, batch, modality));
    unic_encoder_options sizes = {
        .struct_size = sizeof sizes, .max_batch = clips, .max_length = length};
    check(unic_encoder_create(&encoder, model, modality, &sizes));
    check(unic_encoder_encode(encoder, &features, lengths, codes, NULL, NULL));
    unic_encoder_free(encoder);
    return codes;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: transfer MODEL CLIPS TAUGHT TESTED\n");
        return 2;
    }
    static int32_t labels[MOST];
    static float logits[MOST][CLASSES];
    unic_dataset_options reading = {.struct_size = sizeof reading, .batch = MOST};
    unic_head_options options = {
        .struct_size = sizeof options, .kind = UNIC_HEAD_CLIP, .class_count = CLASSES};
    unic_model *model;
    unic_codebook *codebook;
    unic_dataset *dataset;
    const unic_batch *batch;
    unic_head *head;
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    check(unic_model_open(&model, argv[1], NULL));
    check(unic_dataset_open(&dataset, (const char *const *)&argv[2], 1, &reading));
    check(unic_dataset_labels(&rank, dataset, "label", dims, NULL));
    if (rank != 1 || dims[0] > MOST)
        return 1;
    check(unic_dataset_labels(&rank, dataset, "label", dims, labels));
    check(unic_dataset_next(&batch, dataset)); /* all clips: there are at most MOST */

    size_t clips = unic_batch_clip_count(batch), length = unic_dataset_length(dataset),
           right = 0;
    int32_t *taught = encode(model, batch, argv[3], length);
    int32_t *tested = encode(model, batch, argv[4], length);
    check(unic_model_codebook(&codebook, model));
    check(unic_head_create(&head, codebook, &options));
    check(unic_head_fit(NULL, head, taught, clips, length, labels));
    check(unic_head_predict(head, tested, clips, length, logits[0]));
    for (size_t n = 0; n < clips; n++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            best = logits[n][k] > logits[n][best] ? k : best;
        right += best == labels[n];
    }
    printf("%s > %s: %.3f\n", argv[3], argv[4], (double)right / (double)clips);
    free(taught);
    free(tested);
    unic_head_free(head);
    unic_codebook_free(codebook);
    unic_dataset_free(dataset);
    unic_model_free(model);
}
