#include "train/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/report.h"
#include "cli/text.h"

static struct flock whole_file(void)
{
    struct flock all;
    memset(&all, 0, sizeof all);
    all.l_type = F_WRLCK;
    all.l_whence = SEEK_SET;
    return all;
}

static bool held(const char *out, int file)
{
    struct flock other = whole_file();
    if (!fcntl(file, F_GETLK, &other) && other.l_type != F_UNLCK && other.l_pid > 0)
        return cli_fail("%s is being written by another run, process %ld", out,
                        (long)other.l_pid);
    return cli_fail("%s is being written by another run", out);
}

/* Whether it may be removed in the end. */
static bool is_lock(const train_lock *lock)
{
    struct stat about;
    if (fstat(lock->file, &about))
        return cli_fail("cannot read %s: %s", lock->path, strerror(errno));
    return (S_ISREG(about.st_mode) && about.st_size == 0) ||
           cli_fail("cannot lock %s: it is there and is no lock, which is an empty file",
                    lock->path);
}

/* Whether the file that was locked is still the one under that name: its last owner removes it,
 * maybe just before we lock it. */
static bool is_current(const train_lock *lock)
{
    struct stat ours, named;
    return !fstat(lock->file, &ours) && !stat(lock->path, &named) &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* One try; `again`: the file vanished meanwhile. */
static bool try_lock(train_lock *lock, const char *out, bool *again)
{
    struct flock all = whole_file();
    *again = false;
    lock->file = cli_open(lock->path, O_RDWR | O_CREAT);
    if (lock->file < 0)
        return cli_fail("cannot write %s: %s", lock->path, strerror(errno));
    if (fcntl(lock->file, F_SETLK, &all)) {
        if (errno == EACCES || errno == EAGAIN)
            return held(out, lock->file);
        cli_note("warning: %s cannot be locked (%s): take care that no other run writes %s",
                 lock->path, strerror(errno), out);
        return is_lock(lock);
    }
    *again = !is_current(lock);
    return *again || is_lock(lock);
}

static void close_lock(train_lock *lock)
{
    if (lock->file >= 0)
        close(lock->file);
    *lock = (train_lock){.path = NULL};
}

bool train_lock_take(train_lock *lock, const char *out, const char *path)
{
    bool ok, again;
    *lock = (train_lock){path, -1};
    while ((ok = try_lock(lock, out, &again)) && again)
        close(lock->file);
    if (!ok)
        close_lock(lock);
    return ok;
}

/* Removed before it is given back: who opened it meanwhile sees that it is gone. */
void train_lock_release(train_lock *lock)
{
    if (!lock->path)
        return;
    unlink(lock->path);
    close_lock(lock);
}
