/* A whole batch of float32 is read where it is (lib/train/fill.c). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/trainer.h"

enum { MOST_TERMS = 64 };

/* One run on float32, which is read in place where a batch is whole, one on the same numbers as
 * float64, which are converted; ragged batches between, and smaller ones. */
START_TEST(what_is_read_in_place_is_as_what_is_converted)
{
    unic_trainer *t[2] = {small_trainer(SMALL_THREE, ""), small_trainer(SMALL_THREE, "")};
    for (uint64_t step = 0; step < 6; step++) {
        const size_t clips = step == 4 ? SMALL_BATCH - 1 : SMALL_BATCH;
        const size_t length = step == 5 ? SMALL_LENGTH - 1 : SMALL_LENGTH;
        double figures[2][MOST_TERMS];
        for (int wide = 0; wide < 2; wide++) {
            small_batch *b = small_batch_new(SMALL_THREE, clips, length, 100 + step);
            double *copy[UNIC_MAX_MODALITIES] = {NULL};
            float *before[UNIC_MAX_MODALITIES];
            b->lengths[0][1] = (int32_t)(step % 2 ? length - 1 : length);
            for (size_t m = 0; m < b->n; m++) {
                const size_t count = clips * length * b->step[m];
                unic_array x = b->array[m];
                copy[m] = malloc(count * sizeof **copy);
                before[m] = malloc(count * sizeof **before);
                memcpy(before[m], b->x[m], count * sizeof **before);
                for (size_t i = 0; i < count; i++)
                    copy[m][i] = b->x[m][i];
                unic_array_init(&x, copy[m], UNIC_F64, b->array[m].rank, b->array[m].dims);
                if (wide)
                    io_assert_ok(unic_batch_set(b->batch, b->name[m], &x, b->lengths[m]));
            }
            io_assert_ok(unic_trainer_step(t[wide], b->batch, NULL, figures[wide]));
            for (size_t m = 0; m < b->n; m++) {
                ck_assert_mem_eq(before[m], b->x[m], clips * length * b->step[m] * 4);
                free(copy[m]);
                free(before[m]);
            }
            const float *at = t[wide]->graph.stream[1].x->t.x;
            ck_assert_int_eq(at == b->x[1],
                             !wide && clips == SMALL_BATCH && length == SMALL_LENGTH);
            small_batch_free(b);
        }
        ck_assert_mem_eq(figures[0], figures[1],
                         unic_trainer_figure_count(t[0]) * sizeof(double));
    }
    small_state one = small_state_of(t[0]), two = small_state_of(t[1]);
    ck_assert(small_states_equal(&one, &two));
    unic_trainer_free(t[0]);
    unic_trainer_free(t[1]);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("in_place");
    tcase_add_test(t, what_is_read_in_place_is_as_what_is_converted);
    return small_run("train/in_place", t);
}
