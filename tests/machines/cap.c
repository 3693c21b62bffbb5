/*
 * UNIC_TEST_ISA=portable|avx2|avx512 in the environment caps the library's own products at an
 * instruction set before a test program starts: one machine stands for another. (The library
 * itself reads no environment.)
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/tile.h"

__attribute__((constructor)) static void cap_products(void)
{
    const char *isa = getenv("UNIC_TEST_ISA");
    if (isa && !unic__tile_cap(isa)) {
        fprintf(stderr, "UNIC_TEST_ISA=%s: this processor does not have it\n", isa);
        exit(1);
    }
}
