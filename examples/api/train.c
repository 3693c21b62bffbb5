/*
 * train CONFIG CLIPS MODEL: pre-trains on paired, unlabelled clips. Prints the mean of the
 * objective over each epoch; writes MODEL.npz and, to go on from, MODEL.run.npz.
 */
#include <stdio.h>
#include <stdlib.h>

#include <unicode/unic.h>

static void check(unic_status status)
{
    if (status != UNIC_OK) {
        fprintf(stderr, "train: %s\n", unic_last_error());
        exit(1);
    }
}

/* The value of an integer key. */
static size_t integer(unic_config *config, const char *key)
{
    const char *text;
    check(unic_config_get(&text, config, key));
    return strtoul(text, NULL, 10);
}

/* One pass over the clips. `figures` takes all figures of a step; the first is the total. */
static double epoch(unic_trainer *trainer, unic_dataset *dataset, double *figures)
{
    const unic_batch *batch;
    double sum = 0.0;
    while (check(unic_dataset_next(&batch, dataset)), batch) {
        check(unic_trainer_step(trainer, batch, NULL, figures));
        sum += figures[0];
    }
    return sum / (double)unic_dataset_batch_count(dataset);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: train CONFIG CLIPS MODEL\n");
        return 2;
    }
    const char *path = argv[2];
    unic_config *config;
    unic_dataset *dataset;
    unic_trainer *trainer;
    check(unic_config_create(&config));
    check(unic_config_load(config, argv[1]));
    unic_dataset_options options = {.struct_size = sizeof options,
                                    .batch = integer(config, "train.batch"),
                                    .seed = integer(config, "train.seed"),
                                    .shuffle = 1,
                                    .drop_last = 1,
                                    .prefetch = 2};
    check(unic_dataset_open(&dataset, &path, 1, &options));
    check(unic_trainer_create(&trainer, config, NULL));
    size_t epochs = integer(config, "train.epochs");
    check(
        unic_trainer_set_total_step_count(trainer, epochs * unic_dataset_batch_count(dataset)));

    double *figures = calloc(unic_trainer_figure_count(trainer), sizeof *figures);
    for (size_t i = 0; figures && i < epochs; i++)
        printf("epoch %zu: %.4f\n", i + 1, epoch(trainer, dataset, figures));
    check(unic_trainer_save(trainer, argv[3]));
    free(figures);
    unic_trainer_free(trainer);
    unic_dataset_free(dataset);
    unic_config_free(config);
    return figures ? 0 : 1;
}
