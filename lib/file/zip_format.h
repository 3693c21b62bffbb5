/* The layout of a zip file, for zip.c, zip_directory.c and zip_writer.c. Numbers are
 * little-endian. */
#ifndef UNIC_FILE_ZIP_FORMAT_H
#define UNIC_FILE_ZIP_FORMAT_H

#include "file/zip.h"

#define UNIC__ZIP_LOCAL_MARK   UINT32_C(0x04034B50)
#define UNIC__ZIP_ENTRY_MARK   UINT32_C(0x02014B50)
#define UNIC__ZIP_END_MARK     UINT32_C(0x06054B50)
#define UNIC__ZIP_END64_MARK   UINT32_C(0x06064B50)
#define UNIC__ZIP_LOCATOR_MARK UINT32_C(0x07064B50)
#define UNIC__ZIP_WIDE32       UINT32_C(0xFFFFFFFF) /* the number stands in a zip64 record */

enum {
    UNIC__ZIP_LOCAL_SIZE = 30, /* fixed parts; names, extra fields and the comment follow */
    UNIC__ZIP_ENTRY_SIZE = 46,
    UNIC__ZIP_END_SIZE = 22,
    UNIC__ZIP_END64_SIZE = 56,
    UNIC__ZIP_LOCATOR_SIZE = 20,
    UNIC__ZIP_WIDE16 = 0xFFFF,
    UNIC__ZIP_EXTRA_ZIP64 = 1,
    UNIC__ZIP_STORED = 0,
    UNIC__ZIP_DEFLATED = 8,
    UNIC__ZIP_FLAG_LATE_SIZES = 1 << 3, /* sizes and CRC follow the data */
    UNIC__ZIP_FLAG_UTF8 = 1 << 11
};

typedef struct unic__zip_member {
    const char *name;
    size_t name_size;      /* without the NUL */
    uint64_t size, packed; /* of the data: inflated; in the file */
    uint64_t header, data; /* offsets */
    uint32_t crc;
    uint16_t method, flags;
} unic__zip_member;

struct unic__zip {
    unic__source *source;
    const char *path; /* its name */
    bool unchecked;   /* no member has a CRC */
    size_t count;
    unic__zip_member *members;        /* in directory order */
    const unic__zip_member **by_name; /* sorted */
    unic__arena names;
};

/* Names are used in messages and for look-up, never to create files. Still, names that could
 * not be a file below a directory are refused: empty, absolute, with a ".." part, a backslash
 * or a control character. */
unic_status unic__zip_check_name(const char *name, size_t size);

static inline uint16_t unic__zip_get16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t unic__zip_get32(const unsigned char *p)
{
    return unic__zip_get16(p) | (uint32_t)unic__zip_get16(p + 2) << 16;
}

static inline uint64_t unic__zip_get64(const unsigned char *p)
{
    return unic__zip_get32(p) | (uint64_t)unic__zip_get32(p + 4) << 32;
}

#endif
