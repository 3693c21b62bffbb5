/*
 * Only one run at a time may write to an output: a lock that the system releases when its
 * process ends, for any reason.
 */
#ifndef UNIC_TRAIN_LOCK_H
#define UNIC_TRAIN_LOCK_H

#include <stdbool.h>

typedef struct train_lock {
    const char *path; /* NULL: not taken */
    int file;
} train_lock;

/* Takes the lock `path`, which must stay, for writing `out`; fails with a sentence if another process
 * has it, or if the file is no lock: these are empty. One that a killed process left behind is not
 * locked. */
bool train_lock_take(train_lock *lock, const char *out, const char *path);

/* Releases the lock and removes its file. An all-zero lock is not taken. */
void train_lock_release(train_lock *lock);

#endif
