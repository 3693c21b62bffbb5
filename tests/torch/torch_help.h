/* What the tests of torch files and pickled arrays share. */
#ifndef UNIC_TORCH_TORCH_HELP_H
#define UNIC_TORCH_TORCH_HELP_H

#include "base/base.h"
#include "torch/torch_file.h"

#define TORCH_FIXTURES "tests/torch/fixtures/"

/* What make_torch_fixtures.py puts into element i of an array or tensor of this dtype. */
double torch_fixture_value(const char *dtype, size_t i);

/* A member's entry in the directory of a whole zip file, and its header before the data. */
unsigned char *torch_entry(unsigned char *zip, size_t size, size_t member);
unsigned char *torch_local(unsigned char *zip, size_t size, size_t member);
void torch_put32(unsigned char *at, uint32_t x);

/* The data of stored member `member` inside a whole zip file. */
unsigned char *torch_member(unsigned char *zip, size_t size, size_t member,
                            size_t *member_size);
/* After a change of these data: gives the member its right CRC again. */
void torch_fix_crc(unsigned char *zip, size_t size, size_t member);

/* Changes a few bytes; the same ones for the same key and round. */
void torch_damage(unsigned char *bytes, size_t size, unic__key key, uint64_t round);

/* A checkpoint in a file. */
static inline unic_status torch_open(unic__torch_file **out, const char *path)
{
    unic__source *source;
    *out = NULL;
    UNIC__TRY(unic__source_open_file(&source, path));
    unic_status status = unic__torch_open(out, source);
    unic__source_release(source);
    return status;
}

#endif
