/*
 * Parcels: archives as fuzzers can change them. A mutated zip file fails at its first CRC, so
 * inputs hold the members, and the archive is made of them, with the sums that belong to them:
 *
 *   member = name size (1 byte), flags (1), data size (2, the lowest first), name, data
 *
 * An array's data (PARCEL_ARRAY) is: type (1), rank (1), dims (2 each), elements. Its header is
 * written for it; elements that lack are zeros, those that are too many are left out.
 */
#ifndef TESTS_FUZZ_PARCEL_H
#define TESTS_FUZZ_PARCEL_H

#include <stdbool.h>
#include <stddef.h>

enum {
    PARCEL_ARRAY = 1,    /* the member is an array */
    PARCEL_DEFLATED = 2, /* else stored */
    PARCEL_LATE = 4,     /* sizes and CRC stand behind the data */
    PARCEL_SPOILT = 8,   /* the CRC is wrong */
    PARCEL_CUT = 16,     /* the data lack their last byte */
    PARCEL_FORTRAN = 32, /* the array's order */

    PARCEL_HEAD = 4,
    PARCEL_MEMBERS = 512,
    PARCEL_LARGEST = 0xFFFF /* data of a member */
};

typedef struct fuzz_member {
    const unsigned char *name, *data;
    size_t name_size, size;
    unsigned flags;
} fuzz_member;

/* The members of an input, whatever its bytes are: at most PARCEL_MEMBERS; the last one may be
 * cut short. Returns their number. */
size_t fuzz_parcel_members(fuzz_member members[PARCEL_MEMBERS], const unsigned char *data,
                           size_t size);

/* Bytes of a file, which grow; freed by the caller. */
typedef struct fuzz_bytes {
    unsigned char *at;
    size_t size, room;
} fuzz_bytes;

void fuzz_bytes_add(fuzz_bytes *b, const void *data, size_t size);

/* What stands in the archive for a member: an array with its header, or the data. */
void fuzz_member_contents(fuzz_bytes *out, const fuzz_member *member);

/* The zip file of an input. */
fuzz_bytes fuzz_parcel_zip(const unsigned char *data, size_t size);

/* The parcel of a zip file; members larger than PARCEL_LARGEST are left out. NULL if it cannot be
 * read. */
unsigned char *fuzz_parcel_pack(const char *path, size_t *size);

/* Puts a member behind the others. */
void fuzz_parcel_add(fuzz_bytes *parcel, const fuzz_member *member);

#endif
