#include "task/head_help.h"
#include "task/head.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"

unic_codebook *head_codebook(uint64_t seed)
{
    unic_codebook *cb;
    float e[L * D];
    for (size_t i = 0; i < L * D; i++)
        e[i] = unic__random_normal(unic__random_key(seed, 0, 0), i);
    io_assert_ok(unic__codebook_create(&cb, L, D, 2));
    unic__codebook_set(cb, e);
    return cb;
}

unic_head *head_new(const unic_head_options *more)
{
    unic_head *head;
    unic_head_options options = *more;
    unic_codebook *cb = head_codebook(1);
    options.struct_size = sizeof options;
    options.class_count = options.class_count ? options.class_count : CLASSES;
    io_assert_ok(unic_head_create(&head, cb, &options));
    unic_codebook_free(cb); /* the head has a copy */
    head->trained = true;   /* drawn weights are as good as fitted ones here */
    return head;
}

unic_head *head_of_kind(int32_t kind)
{
    const unic_head_options options = {.kind = kind};
    return head_new(&options);
}

/* A step's class is its code's; a clip's is that of code 0, 1 or 2 where there is one, or 3; a
 * step's labels are the bits of its code. */
head_data *head_data_new(uint64_t seed)
{
    head_data *d = malloc(sizeof *d);
    unic__key key = unic__random_key(seed, 0, 0);
    ck_assert(d != NULL);
    for (size_t n = 0; n < CLIPS; n++) {
        d->clip[n] = (int32_t)unic__random_below(key, 9000 + n, CLASSES);
        for (size_t t = 0; t < LENGTH; t++) {
            size_t i = n * LENGTH + t;
            int32_t code = 3 + (int32_t)unic__random_below(key, i, L - 3);
            d->codes[i] = t == n % LENGTH && d->clip[n] < 3 ? d->clip[n] : code;
            d->step[i] = d->codes[i] * 7 % CLASSES;
            for (size_t c = 0; c < CLASSES; c++)
                d->multi[i * CLASSES + c] = d->codes[i] >> c & 1;
            if ((i % 10 == 4 && d->codes[i] >= 3) || n == 7)
                d->codes[i] = -1;
        }
    }
    return d;
}

const int32_t *head_labels(const head_data *d, int32_t kind)
{
    return kind == UNIC_HEAD_CLIP ? d->clip : kind == UNIC_HEAD_STEP ? d->step : d->multi;
}

size_t head_logits(int32_t kind)
{
    return (kind == UNIC_HEAD_CLIP ? CLIPS : STEPS) * CLASSES;
}

void head_predict_all(const unic_head *head, const int32_t *codes, float *logits)
{
    memset(logits, 0x55, STEPS * CLASSES * sizeof *logits);
    io_assert_ok(unic_head_predict(head, codes, CLIPS, LENGTH, logits));
}

bool head_same(const unic_head *a, const unic_head *b)
{
    static float one[STEPS * CLASSES], two[STEPS * CLASSES];
    head_data *d = head_data_new(99);
    head_predict_all(a, d->codes, one);
    head_predict_all(b, d->codes, two);
    free(d);
    return memcmp(one, two, head_logits(a->options.kind) * sizeof *one) == 0;
}

const float *head_param(const unic_head *head, const char *name)
{
    const unic__param *p = unic__param_table_find(&head->params, name);
    ck_assert_msg(p != NULL, "no %s", name);
    return head->params.values + p->offset;
}
