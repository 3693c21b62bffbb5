/*
 * A thread that fills a ring of slots, in order, ahead of the thread that takes them. When
 * filling a slot fails, the thread ends, and unic__prefetch_take() returns the failure when
 * that slot's turn comes.
 *
 *      released        taken                  filled
 *   ......|------------->|--------------------->|......     numbers of slots so far,
 *         the slot in use       read ahead                   slot i stands at i mod slots
 */
#ifndef UNIC_DATA_PREFETCH_H
#define UNIC_DATA_PREFETCH_H

#include "base/base.h"

typedef struct unic__prefetch unic__prefetch;

/* Fills one slot, 0..slots-1, with the next data; called on the prefetch thread. */
typedef unic_status (*unic__prefetch_fill)(void *user, size_t slot);

/* At least 2 slots: one in use, the others read ahead. No thread runs yet. */
unic_status unic__prefetch_create(unic__prefetch **out, size_t slots, unic__prefetch_fill fill,
                                  void *user);
void unic__prefetch_free(unic__prefetch *p); /* stops first; NULL is fine */

bool unic__prefetch_running(const unic__prefetch *p);

/* Starts filling at slot 0, with all slots free; the thread must not be running. */
unic_status unic__prefetch_start(unic__prefetch *p);

/* Gives back the slot taken before and waits for the next one. A failure is that of the
 * fill; the thread is stopped then. */
unic_status unic__prefetch_take(unic__prefetch *p, size_t *slot);

/* Waits for a fill in progress, ends the thread, and discards what was read ahead; the
 * slot in use keeps its contents. Does nothing if it is not running. */
void unic__prefetch_stop(unic__prefetch *p);

#endif
