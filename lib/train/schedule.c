#include "train/schedule.h"

#include <math.h>

double unic__learning_rate(const unic_config *c, uint64_t step, uint64_t total)
{
    if (step < c->warmup)
        return c->lr * (double)(step + 1) / (double)c->warmup;
    if (c->schedule == UNIC__CONSTANT || total <= c->warmup)
        return c->lr;
    double done = (double)(step - c->warmup) / (double)(total - c->warmup);
    done = done < 1.0 ? done : 1.0;
    double left = c->schedule == UNIC__COSINE ? 0.5 * (1.0 + cos(3.141592653589793 * done))
                                              : 1.0 - done;
    return c->lr * (c->lr_floor + (1.0 - c->lr_floor) * left);
}
