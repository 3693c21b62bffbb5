#include "train/schedule.h"

#include <math.h>
#include <stdbool.h>

#include "base/base.h"

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

/* ---- what does not go together ---- */

enum { TOLD_NO_TOTAL = 1, TOLD_NO_START = 2, TOLD_WARMUP = 4, TOLD_END = 8 };

static bool is_new(unsigned *told, unsigned what)
{
    const bool is = !(*told & what);
    *told |= what;
    return is;
}

static const char *name_of(const unic_config *c)
{
    return c->schedule == UNIC__COSINE ? "cosine" : "linear";
}

static void tell_undeclared(const unic_config *c, unsigned *told)
{
    static const char begin[] = "how many steps the run will have was not set "
                                "(unic_trainer_set_total_step_count(), Python's "
                                "total_step_count)";
    if (c->schedule != UNIC__CONSTANT && is_new(told, TOLD_NO_TOTAL))
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: train.schedule = %s has no effect, and the learning rate stays at "
                       "train.lr = %g",
                       begin, name_of(c), c->lr);
    if (c->level2_weight > 0.0 && c->level2_start > 0.0 && is_new(told, TOLD_NO_START))
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: level2.start = %g has no effect, and the second level counts from "
                       "the first step on",
                       begin, c->level2_start);
}

void unic__schedule_tell(const unic_config *c, uint64_t step, uint64_t total, unsigned *told)
{
    const bool falls = c->schedule != UNIC__CONSTANT;
    if (total == 0) {
        tell_undeclared(c, told);
        return;
    }
    if ((c->warmup > total || (c->warmup == total && falls)) && is_new(told, TOLD_WARMUP))
        unic__log_line(
            UNIC_LOG_WARNING,
            "train.warmup = %zu takes up all %llu steps of the run: the learning rate "
            "rises to %g, train.lr is %g%s%s%s",
            c->warmup, (unsigned long long)total, unic__learning_rate(c, total - 1, total),
            c->lr, falls ? ", and train.schedule = " : "", falls ? name_of(c) : "",
            falls ? " has no effect" : "");
    if (falls && step >= total && c->lr_floor == 0.0 && step >= c->warmup &&
        total > c->warmup && is_new(told, TOLD_END))
        unic__log_line(
            UNIC_LOG_WARNING,
            "the run goes on beyond its %llu steps: the learning rate of "
            "train.schedule = %s is 0 there (train.lr_floor), and nothing learns but "
            "the codebook",
            (unsigned long long)total, name_of(c));
}
