/* Changes to parcels: of one member, so that the others stay where they are. */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Changes `size` bytes in place, to at most `largest`; returns their new number. */
typedef size_t fuzz_mutator(uint8_t *data, size_t size, size_t largest);

/* The same for a parcel; `mutate` changes a member's bytes. */
size_t fuzz_mutate_parcel(uint8_t *data, size_t size, size_t largest, unsigned seed,
                          fuzz_mutator *mutate);

#endif
