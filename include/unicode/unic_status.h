/**
 * @file unic_status.h
 * Statuses, error messages, logging, memory and threads, which every other header of libunicode
 * uses.
 */
#ifndef UNICODE_UNIC_STATUS_H
#define UNICODE_UNIC_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks a function that the library exports. */
#if defined(__GNUC__)
#define UNIC_API __attribute__((visibility("default")))
#else
#define UNIC_API
#endif

#define UNIC_VERSION_MAJOR  0       /**< The version of these headers; unic_version() is */
#define UNIC_VERSION_MINOR  1       /**< that of the library that is loaded.             */
#define UNIC_VERSION_PATCH  0       /**< A patch changes no interface.                   */
#define UNIC_VERSION_STRING "0.1.0" /**< All three.                                      */

/** Result of a call. The values are part of the ABI: they never change, but new ones may be
 * added. */
typedef enum unic_status {
    UNIC_OK = 0,
    UNIC_E_ARG = 1,      /**< an argument is NULL, out of range or contradicts another        */
    UNIC_E_SHAPE = 2,    /**< an array's rank or dims are not what was expected               */
    UNIC_E_VALUE = 3,    /**< data holds a value that is not allowed (NaN, Inf, a bad code)   */
    UNIC_E_NOMEM = 4,    /**< out of memory; every handle stays usable                        */
    UNIC_E_IO = 5,       /**< the operating system refused to read or write                   */
    UNIC_E_FORMAT = 6,   /**< a file is damaged, hostile or of another format                 */
    UNIC_E_CONFIG = 7,   /**< an unknown key, or a value outside what the key allows          */
    UNIC_E_STATE = 8,    /**< the handle is not in a state that allows the call: untrained,
                              finished, or in use by another call                             */
    UNIC_E_NOTFOUND = 9, /**< a name that does not exist (modality, member, file)             */
    UNIC_E_NUMERIC = 10, /**< a number is NaN, Inf or too large for its type: a loss or
                              gradient, whose step was not taken, or a result                 */
    UNIC_E_KERNEL = 11,  /**< oneDNN failed, or zlib could not begin                          */
    UNIC_E_MISMATCH = 12, /**< two handles do not belong together (another codebook's codes)  */
    UNIC_E_CANCELLED = 13 /**< a callback asked to stop                                       */
} unic_status;

/** The name of a status ("UNIC_E_SHAPE"), or "UNIC_E_UNKNOWN". Never NULL. Thread-safe. Since
 * 0.1. */
UNIC_API const char *unic_status_name(unic_status status);

/**
 * The message of this thread's last failed call: one line that names the argument, its value
 * and what was expected; "" if no call has failed yet. Valid until this thread's next call
 * that fails. Never NULL. Since 0.1.
 */
UNIC_API const char *unic_last_error(void);

/** The library's version, "0.1.0". Thread-safe. Since 0.1. */
UNIC_API const char *unic_version(void);

/** Functions that allocate and release memory. Both must be thread-safe. */
typedef struct unic_allocator {
    size_t struct_size;                        /**< sizeof(unic_allocator)                    */
    void *(*alloc)(size_t bytes, void *user);  /**< aligned as malloc's; NULL when exhausted  */
    void (*release)(void *memory, void *user); /**< NULL is never passed                      */
    void *user;                                /**< passed to both functions                  */
} unic_allocator;

/**
 * Use `allocator` for everything that libunicode itself allocates from now on (memory that
 * oneDNN and OpenBLAS allocate is not covered); NULL restores malloc and free. Call it before
 * any handle exists, since memory is released through the allocator that is set at the time of
 * the release. For blocks of 4 MiB and more, which the library writes at once, the system is asked
 * for large pages (madvise()), whoever gave them.
 * @return UNIC_OK; UNIC_E_ARG if a function is missing or struct_size is too small.
 * Not thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_set_allocator(const unic_allocator *allocator);

/**
 * Receives the progress of a long call: `done` of `total` units, with `what` the unit
 * ("batches", "clips"; a static string). A result other than 0 stops the call, which returns
 * UNIC_E_CANCELLED. It is called on the thread that called the library. It may call the
 * library, but must not use the handle of the running call.
 */
typedef int (*unic_progress_fn)(const char *what, uint64_t done, uint64_t total, void *user);

/** How a file is read. A NULL pointer to it means no limit. */
typedef struct unic_open_options {
    size_t struct_size;  /**< sizeof(unic_open_options)                                      */
    size_t memory_limit; /**< maximum number of bytes that the file's contents may make the
                              library allocate; more fails with UNIC_E_NOMEM; 0: no limit    */
    int32_t preload;     /**< of a model: 1: read and check all that it needs now, and close
                              the file; 0: read a modality's weights when they are first needed.
                              Other files are read and closed at once in any case            */
    unic_progress_fn progress; /**< reports bytes while the call reads, after each MiB; may be
                                    NULL. Not of what a model reads later                    */
    void *progress_user;       /**< passed to `progress`                                     */
    void *reserved[2];         /**< NULL                                                     */
} unic_open_options;

/** Severity of a log line. */
typedef enum unic_log_level { UNIC_LOG_INFO = 0, UNIC_LOG_WARNING = 1 } unic_log_level;

/** Receives one line, without a newline; called on the thread that called the library. */
typedef void (*unic_log_fn)(unic_log_level level, const char *line, void *user);

/** Send the library's log lines to `fn`; NULL (the default) drops them. Not thread-safe. Since
 * 0.1. */
UNIC_API void unic_set_log(unic_log_fn fn, void *user);

/**
 * Set the number of threads (1..256) for all handles of the process that have no number of
 * their own; the default is 1. Results depend on the number of threads but not on timing. The
 * host's setting for OpenBLAS is not changed; it matters only under `kernel.backend = blas`. Where
 * OpenMP gives fewer threads, in a parallel region of the host's, and in a forked process in the
 * thread that forked, calls compute with those that there are (docs/threads.md). Each thread that
 * computes, the caller's and OpenMP's, needs 512 kB of stack. Thread-safe: calls that are under
 * way keep the number that they began with.
 * @return UNIC_OK; UNIC_E_ARG if n is out of range. Since 0.1.
 */
UNIC_API unic_status unic_set_threads(int n);

/** The number set by unic_set_threads(). Thread-safe. Since 0.1. */
UNIC_API int unic_get_threads(void);

#ifdef __cplusplus
}
#endif
#endif
