#include "base/base.h"

static int threads = 1;

int unic__threads(void)
{
    return threads;
}

void unic__threads_set(int n)
{
    threads = n;
}
