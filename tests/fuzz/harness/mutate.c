#include "mutate.h"

#include <stdlib.h>
#include <string.h>

#include "parcel.h"

/* The next random number, in 0..n-1. */
static size_t draw(uint64_t *state, size_t n)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(*state >> 33) % n;
}

/* Texts are the rarest members and say the most: one time in three it is one of them. */
static size_t choose(const fuzz_member *members, size_t n, uint64_t *state)
{
    size_t chosen = draw(state, n);
    for (size_t i = 0; draw(state, 3) == 0 && i < n; i++) {
        size_t j = (chosen + i) % n;
        if (!(members[j].flags & PARCEL_ARRAY))
            return j;
    }
    return chosen;
}

/* Room for what one member's bytes may become. */
static unsigned char scratch[PARCEL_LARGEST];

static void change_data(fuzz_member *m, uint64_t *state, fuzz_mutator *mutate)
{
    size_t room = m->size + 1 + draw(state, 64), head = m->flags & PARCEL_ARRAY ? 8 : m->size;
    if (room > sizeof scratch)
        room = sizeof scratch;
    memcpy(scratch, m->data, m->size);
    if (head < m->size && draw(state, 2)) /* an array's type and dims */
        mutate(scratch, head, head);
    else
        m->size = mutate(scratch, m->size, room);
    m->data = scratch;
}

static void change_name(fuzz_member *m, uint64_t *state, fuzz_mutator *mutate)
{
    size_t room = m->name_size + 1 + draw(state, 8);
    memcpy(scratch, m->name, m->name_size);
    m->name_size = mutate(scratch, m->name_size, room < 0xFF ? room : 0xFF);
    m->name = scratch;
}

/* Changes the list of members; returns their new number. */
static size_t change_list(fuzz_member *members, size_t n, uint64_t *state)
{
    size_t a = draw(state, n), b = draw(state, n);
    switch (draw(state, 4)) {
    case 0: /* one less */
        memmove(members + a, members + a + 1, (n - a - 1) * sizeof *members);
        return n - 1;
    case 1: /* one twice */
        if (n < PARCEL_MEMBERS)
            members[n] = members[a];
        return n < PARCEL_MEMBERS ? n + 1 : n;
    case 2: { /* two change places */
        fuzz_member old = members[a];
        members[a] = members[b];
        members[b] = old;
        return n;
    }
    default: /* one with another's data */
        members[a].data = members[b].data;
        members[a].size = members[b].size;
        members[a].flags = members[b].flags;
        return n;
    }
}

size_t fuzz_mutate_parcel(uint8_t *data, size_t size, size_t largest, unsigned seed,
                          fuzz_mutator *mutate)
{
    static fuzz_member members[PARCEL_MEMBERS];
    uint64_t state = seed;
    size_t n = fuzz_parcel_members(members, data, size), kind = draw(&state, 16);
    if (n == 0 || kind == 0)
        return mutate(data, size, largest);
    size_t i = choose(members, n, &state);
    if (kind < 11)
        change_data(&members[i], &state, mutate);
    else if (kind == 11)
        change_name(&members[i], &state, mutate);
    else if (kind == 12)
        members[i].flags ^= 1U << draw(&state, 6);
    else
        n = change_list(members, n, &state);
    fuzz_bytes parcel = {0};
    for (size_t k = 0; k < n; k++)
        fuzz_parcel_add(&parcel, &members[k]);
    if (parcel.size <= largest) {
        size = parcel.size;
        if (size > 0)
            memcpy(data, parcel.at, size);
    } else {
        size = mutate(data, size, largest);
    }
    free(parcel.at);
    return size;
}
