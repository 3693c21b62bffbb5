#include "torch_help.h"

#include <check.h>
#include <string.h>

#include "file/zip_format.h"

double torch_fixture_value(const char *dtype, size_t i)
{
    int k = (int)(i % 17);
    return strstr(dtype, "float")           ? (k - 8) / 4.0
           : strncmp(dtype, "int", 3) == 0  ? k - 8
           : strncmp(dtype, "uint", 4) == 0 ? k
                                            : (double)(i % 2);
}

unsigned char *torch_entry(unsigned char *zip, size_t size, size_t member)
{
    unsigned char *end = zip + size - UNIC__ZIP_END_SIZE; /* no comment */
    ck_assert_uint_eq(unic__zip_get32(end), UNIC__ZIP_END_MARK);
    unsigned char *entry = zip + unic__zip_get32(end + 16);
    for (; member > 0; member--)
        entry += UNIC__ZIP_ENTRY_SIZE + unic__zip_get16(entry + 28) +
                 unic__zip_get16(entry + 30) + unic__zip_get16(entry + 32);
    ck_assert_uint_eq(unic__zip_get32(entry), UNIC__ZIP_ENTRY_MARK);
    return entry;
}

unsigned char *torch_local(unsigned char *zip, size_t size, size_t member)
{
    return zip + unic__zip_get32(torch_entry(zip, size, member) + 42);
}

unsigned char *torch_member(unsigned char *zip, size_t size, size_t member, size_t *member_size)
{
    const unsigned char *entry = torch_entry(zip, size, member);
    unsigned char *local = torch_local(zip, size, member);
    ck_assert_uint_eq(unic__zip_get16(entry + 10), UNIC__ZIP_STORED);
    *member_size = unic__zip_get32(entry + 24);
    return local + UNIC__ZIP_LOCAL_SIZE + unic__zip_get16(local + 26) +
           unic__zip_get16(local + 28);
}

void torch_put32(unsigned char *at, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(x >> 8 * i);
}

void torch_fix_crc(unsigned char *zip, size_t size, size_t member)
{
    unsigned char *entry = torch_entry(zip, size, member);
    unsigned char *local = torch_local(zip, size, member);
    size_t bytes;
    const unsigned char *data = torch_member(zip, size, member, &bytes);
    torch_put32(entry + 16, unic__zip_crc(0, data, bytes));
    if (!(unic__zip_get16(entry + 8) & UNIC__ZIP_FLAG_LATE_SIZES))
        torch_put32(local + 14, unic__zip_crc(0, data, bytes));
}

void torch_damage(unsigned char *bytes, size_t size, unic__key key, uint64_t round)
{
    static const unsigned char codes[16] = {0x00, 0xFF, 0x7F, 0x80, '(', 't', 'R', 'b',
                                            'h',  'q',  'K',  'J',  'u', 's', 'Q', '.'};
    size_t changes = 1 + unic__random_below(key, round * 8, 4);
    for (size_t i = 0; i < changes; i++) {
        uint64_t draw = unic__random_bits(key, round * 8 + i + 1);
        unsigned kind = draw >> 32 & 31, bit = draw >> 40 & 7;
        unsigned char *at = &bytes[draw % size];
        *at = kind < 16 ? codes[kind] : *at ^ (unsigned char)(1U << bit);
    }
}
