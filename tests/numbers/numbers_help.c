#include "numbers/numbers_help.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "file/io_help.h"

static float number(numbers kind, size_t i, unsigned seed)
{
    static const float sizes[] = {[DENORMAL] = 1e-40F,
                                  [TINY] = 1e-30F,
                                  [LARGE] = 1e18F,
                                  [HUGE_ONES] = 1e30F,
                                  [LARGEST] = 3e38F};
    unic__key key = unic__random_key(seed, 0, 7);
    switch (kind) {
    case NORMAL:
        return unic__random_normal(key, i);
    case ZERO:
        return 0.0F;
    case ONE:
        return 1.0F;
    case MIXED:
        return number((numbers)(i % MIXED), i, seed);
    default:
        return unic__random_uniform(key, i) < 0.5F ? -sizes[kind] : sizes[kind];
    }
}

float *numbers_new(numbers kind, size_t n, unsigned seed)
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    ck_assert(x != NULL);
    for (size_t i = 0; i < n; i++)
        x[i] = number(kind, i, seed);
    return x;
}

bool numbers_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

bool numbers_taken(unic_status status, const char *call, numbers kind)
{
    ck_assert_msg(status == UNIC_OK || status == UNIC_E_NUMERIC || status == UNIC_E_VALUE,
                  "%s of kind %d: %s, %s", call, (int)kind, unic_status_name(status),
                  unic_last_error());
    return status == UNIC_OK;
}
