/*
 * One run at a time writes to a place: a lock that the system takes back when its process ends,
 * however it ends.
 */
#ifndef UNIC_TRAIN_LOCK_H
#define UNIC_TRAIN_LOCK_H

#include <stdbool.h>

typedef struct train_lock {
    char *path; /* "OUT.npz.lock"; NULL: not taken */
    int file;
} train_lock;

/* Takes the lock of the file at `out`; fails with a sentence if another process has it. The
 * lock file that a killed process left behind stops nobody. */
bool train_lock_take(train_lock *lock, const char *out);

/* Gives it back and removes its file. A lock of zeros is none. */
void train_lock_release(train_lock *lock);

#endif
