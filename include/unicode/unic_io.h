/**
 * @file unic_io.h
 * Files that are no files: where a call reads from (unic_source) and writes to (unic_sink) if
 * that is memory, a part of the program, an encrypted store or a network.
 *
 * Functions that read a file have a form that takes a source instead of a path, and those that
 * save one a form that takes a sink: unic_model_open_source() and unic_model_save_sink() are
 * unic_model_open() and unic_model_save(). What is read and written is the same, byte for byte.
 * Paths alone are taken by unic_trainer_import() and unic_npz_writer_create(); what
 * unic_config_load() and unic_class_map_load() read, unic_config_parse() and
 * unic_class_map_parse() take as a text.
 */
#ifndef UNICODE_UNIC_IO_H
#define UNICODE_UNIC_IO_H

#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Where a call reads from, instead of a file. The struct is copied: it need not outlive the
 * call, but what `user` points to must stay until `close` is called.
 *
 * `read_at` is called for any place, in any order, always within `size`, and never by two threads
 * at once for one source. The thread is that of a call which uses the handle, or the one that
 * reads ahead for a dataset. It must not use the handle, nor throw.
 *
 * `close` is called once: when the handle no longer reads, or when the call fails, whatever the
 * reason. Only a source that is itself refused (UNIC_E_ARG: it is NULL, a member is missing or
 * out of range) is not closed.
 */
typedef struct unic_source {
    size_t struct_size; /**< sizeof(unic_source)                                              */
    const char *name;   /**< stands for the file in messages; copied; NULL: "source"          */
    int64_t size;       /**< bytes that there are, >= 0                                       */
    /** Copies up to `bytes` bytes from `offset` on to `buffer`. Returns how many: fewer are no
     * failure, the rest is asked for again; 0 says that the source has become shorter. Negative
     * is a failure: the status that the call is to return with a minus sign (-UNIC_E_IO), any
     * other number counts as UNIC_E_IO. */
    int64_t (*read_at)(void *buffer, size_t bytes, int64_t offset, void *user);
    void (*close)(void *user); /**< the source is not needed any more; may be NULL            */
    void *user;                /**< passed to both functions                                  */
    void *reserved[4];         /**< NULL                                                      */
} unic_source;

/**
 * Fill in a source that reads memory. The memory is not copied: it must neither move nor change
 * until the source is closed. If it is to be freed then, set `source->close = free`, which is
 * called with `data`.
 * @param source  out; nothing is checked here: the call that takes the source checks it.
 * @param data    `bytes` bytes, such as a file that was read whole or a resource of the program.
 * @param bytes   their number.
 * @param name    stands for the file in messages; borrowed until the source is used; may be NULL.
 * Thread-safe. Since 0.1.
 */
UNIC_API void unic_source_memory(unic_source *source, const void *data, size_t bytes,
                                 const char *name);

/**
 * Where a call writes to, instead of a file. Nothing of it is kept after the call, which calls the
 * functions on the thread that called it. They must not throw.
 *
 * All bytes are given to `write`, from the first to the last, in pieces of any size. Then `finish`
 * says that they are whole. If anything fails, `finish` itself included, `abandon` is called
 * once and nothing after it: what was written is to be thrown away. Neither is called if
 * nothing was to be written, since an argument was refused or what is saved could not be read.
 */
typedef struct unic_sink {
    size_t struct_size; /**< sizeof(unic_sink)                                                */
    const char *name;   /**< stands for the file in messages; NULL: "sink"                    */
    /** Takes the next `bytes` bytes, >= 1. Returns 0, or the status that the call is to return
     * (UNIC_E_IO); any other number counts as UNIC_E_IO. */
    int (*write)(const void *data, size_t bytes, void *user);
    int (*finish)(void *user);   /**< all is written; returns as `write`; may be NULL         */
    void (*abandon)(void *user); /**< what was written is not whole; may be NULL              */
    void *user;                  /**< passed to all three                                     */
    void *reserved[4];           /**< NULL                                                    */
} unic_sink;

/** Memory that grows: what is saved to it. Opaque; used by one thread at a time. */
typedef struct unic_buffer unic_buffer;

/** Create an empty buffer. @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM. Since 0.1. */
UNIC_API unic_status unic_buffer_create(unic_buffer **out);
/** Free the buffer and its bytes. NULL is allowed. Since 0.1. */
UNIC_API void unic_buffer_free(unic_buffer *buffer);
/**
 * Fill in a sink that writes to `buffer`, in the place of what the buffer holds. A save that
 * fails leaves it empty, or, where nothing was to be written (see unic_sink), as it was. The sink
 * can be used again, as long as the buffer lives. Since 0.1.
 */
UNIC_API void unic_buffer_sink(unic_sink *sink, unic_buffer *buffer);
/** The bytes of the last save that succeeded, borrowed until the buffer is written to or freed;
 * NULL if there are none. Since 0.1. */
UNIC_API const void *unic_buffer_data(const unic_buffer *buffer);
/** The number of these bytes. Since 0.1. */
UNIC_API size_t unic_buffer_byte_count(const unic_buffer *buffer);

#ifdef __cplusplus
}
#endif
#endif
