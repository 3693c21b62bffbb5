#include "train/interval.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "cli/report.h"

bool train_interval_parse(train_interval *interval, const char *text)
{
    enum { MOST = 1000000000 };
    char *unit;
    errno = 0;
    unsigned long long n = strtoull(text, &unit, 10);
    if (!isdigit((unsigned char)*text) || errno || n == 0 || n > MOST || (*unit && unit[1]))
        return false;
    switch (*unit) {
    case '\0':
        interval->steps = n;
        return true;
    case 's':
        interval->seconds = (double)n;
        return true;
    case 'm':
        interval->seconds = 60.0 * (double)n;
        return true;
    case 'h':
        interval->seconds = 3600.0 * (double)n;
        return true;
    default:
        return false;
    }
}

void train_interval_restart(train_interval *interval)
{
    interval->steps_taken = 0;
    interval->saved_at = cli_now();
}

bool train_interval_is_over(train_interval *interval)
{
    interval->steps_taken++;
    return (interval->steps > 0 && interval->steps_taken >= interval->steps) ||
           (interval->seconds > 0.0 && cli_now() - interval->saved_at >= interval->seconds);
}
